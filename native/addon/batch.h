// Shared by the batch calls: packed buffers, errors of worker threads, the workers themselves, small file helpers.
#pragma once
#include <fcntl.h>
#include <napi.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace addon {

using View = std::string_view;

// A failed call in a worker thread; becomes a SyscallError on the JavaScript thread.
struct Failure {
  int error;
  const char *call;
  std::string path;
};

// Pseudo errno: a source file was not what the plan says.
constexpr int kChanged = -1000;

[[noreturn]] inline void Fail(const char *call, View path) { throw Failure{errno, call, std::string(path)}; }
inline void Must(long result, const char *call, View path) {
  if (result == -1) Fail(call, path);
}

// Reads a packed little-endian buffer; running over its end is a Failure, never a wild read.
class Unpacker {
 public:
  explicit Unpacker(View data) : data_(data) {}
  bool AtEnd() const { return at_ >= data_.size(); }
  size_t at() const { return at_; }
  View Raw(size_t size) {
    if (size > data_.size() - at_) throw Failure{EBADMSG, "plan", ""};
    at_ += size;
    return data_.substr(at_ - size, size);
  }
  uint8_t U8() { return static_cast<uint8_t>(Raw(1)[0]); }
  uint16_t U16() { return Number<uint16_t>(); }
  uint32_t U32() { return Number<uint32_t>(); }
  double F64() { return Number<double>(); }
  View Bytes16() { return Raw(U16()); }
  View Bytes32() { return Raw(U32()); }
  void Skip(size_t size) { Raw(size); }

 private:
  template <typename T>
  T Number() {
    T value;
    memcpy(&value, Raw(sizeof value).data(), sizeof value);
    return value;
  }
  View data_;
  size_t at_ = 0;
};

// Writes one.
class Packer {
 public:
  void U16(uint16_t value) { Raw(&value, sizeof value); }
  void U32(uint32_t value) { Raw(&value, sizeof value); }
  void F64(double value) { Raw(&value, sizeof value); }
  void Raw(const void *data, size_t size) { out_.append(static_cast<const char *>(data), size); }
  void Bytes16(View data) { U16(data.size()), Raw(data.data(), data.size()); }
  void Bytes32(View data) { U32(data.size()), Raw(data.data(), data.size()); }
  const std::string &data() const { return out_; }

 private:
  std::string out_;
};

class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  OwnedFd(OwnedFd &&other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  OwnedFd(const OwnedFd &) = delete;
  OwnedFd &operator=(const OwnedFd &) = delete;
  ~OwnedFd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

inline unsigned WorkerCount() { return std::min(4u, std::max(1u, std::thread::hardware_concurrency())); }

// A stack of tasks that several threads work off; a task may push more. The first failure ends it and is rethrown.
template <typename Task>
class TaskPool {
 public:
  void Push(Task task) {
    std::lock_guard<std::mutex> guard(mutex_);
    tasks_.push_back(std::move(task));
    unfinished_++;
    wake_.notify_one();
  }

  template <typename Work>
  void Run(unsigned workers, Work work) {
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < workers; i++) threads.emplace_back([&] { Drain(work); });
    Drain(work);
    for (std::thread &thread : threads) thread.join();
    if (failed_) throw failure_;
  }

 private:
  template <typename Work>
  void Drain(Work &work) {
    std::unique_lock<std::mutex> guard(mutex_);
    for (;;) {
      wake_.wait(guard, [&] { return !tasks_.empty() || unfinished_ == 0 || failed_; });
      if (tasks_.empty() || failed_) return;
      Task task = std::move(tasks_.back());
      tasks_.pop_back();
      guard.unlock();
      Failure failure = Attempt(work, task);
      guard.lock();
      if (failure.error && !failed_) failed_ = true, failure_ = failure;
      if (--unfinished_ == 0 || failed_) wake_.notify_all();
    }
  }

  template <typename Work>
  static Failure Attempt(Work &work, Task &task) {
    try {
      work(task);
      return {0, "", ""};
    } catch (const Failure &failure) {
      return failure;
    } catch (const std::bad_alloc &) {
      return {ENOMEM, "malloc", ""};
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Task> tasks_;
  size_t unfinished_ = 0;
  bool failed_ = false;
  Failure failure_{};
};

// work(i) for all i below count, on several threads where it is worth it.
template <typename Work>
void ForAll(size_t count, Work work) {
  std::atomic<size_t> next{0};
  TaskPool<int> pool;
  unsigned workers = count < 8 ? 1 : WorkerCount();
  for (unsigned i = 0; i < workers; i++) pool.Push(0);
  std::atomic<bool> stop{false};
  pool.Run(workers, [&](int) {
    try {
      for (size_t i; !stop && (i = next++) < count;) work(i);
    } catch (...) {
      stop = true;
      throw;
    }
  });
}

// `XX/<62 hex digits>` and the suffix.
std::string DigestPath(View digest, View suffix);

// All extended attributes of an open file or of `/proc/self/fd/N/name` paths, packed: u16+bytes name, u32+bytes value.
std::string FileXattrs(int fd, View path);
std::string PathXattrs(int dir, const std::string &name);
// Sets packed attributes.
void SetFileXattrs(int fd, View packed, View path);
void SetPathXattrs(int dir, const std::string &name, View packed);

std::string ReadLink(int dir, const char *name, size_t size);
void WriteAll(int fd, const void *data, size_t size, View path);
// read(2) until `size` bytes or the end of the file.
size_t ReadFull(int fd, void *data, size_t size, View path);
inline std::string Name(View view) { return std::string(view); }

// Runs a native call's body; a Failure becomes a SyscallError.
template <typename Body>
Napi::Value Guarded(Napi::Env env, Body body);

[[noreturn]] void Rethrow(Napi::Env env, const Failure &failure);

template <typename Body>
Napi::Value Guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const Failure &failure) {
    Rethrow(env, failure);
  }
}

Napi::Value ScanTree(const Napi::CallbackInfo &info);
Napi::Value ReadFiles(const Napi::CallbackInfo &info);
Napi::Value HashFiles(const Napi::CallbackInfo &info);
Napi::Value StoreFiles(const Napi::CallbackInfo &info);
Napi::Value StoreFilesAside(const Napi::CallbackInfo &info);
Napi::Value Populate(const Napi::CallbackInfo &info);
Napi::Value PopulateTree(const Napi::CallbackInfo &info);
Napi::Value MoveFiles(const Napi::CallbackInfo &info);
Napi::Value UnlinkFiles(const Napi::CallbackInfo &info);
Napi::Value RemoveTreeFast(const Napi::CallbackInfo &info);
Napi::Value DeflateRaw(const Napi::CallbackInfo &info);
Napi::Value InflateRaw(const Napi::CallbackInfo &info);
Napi::Value IndexDirtree(const Napi::CallbackInfo &info);

}  // namespace addon
