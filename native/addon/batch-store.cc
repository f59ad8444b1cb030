// storeFiles and storeFilesAside: hash many files and make those that are new, named by their digest.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <zlib.h>

#include "addon.h"
#include "arguments.h"
#include "batch.h"

namespace addon {
namespace {

// Content up to this size is read into memory, hashed, and written only if it is new.
constexpr size_t kSmall = 1 << 20;
constexpr size_t kChunk = 1 << 18;
constexpr int64_t kBlock = 4096;

enum Source { kNone = 0, kPath = 1, kInline = 2, kStaged = 3 };
enum Flags { kOwner = 1, kEpoch = 2 };

struct Record {
  uint8_t source, kind, flags;
  uint32_t mode, uid, gid;
  View prefix, head, xattrs;
  double size;
  View from;  // the path, or the content itself
  bool made = false;
  unsigned char digest[SHA256_DIGEST_LENGTH] = {};

  View Digest() const { return View(reinterpret_cast<const char *>(digest), sizeof digest); }
};

Record Next(Unpacker &in) {
  Record record;
  record.source = in.U8(), record.kind = in.U8(), record.flags = in.U8();
  record.mode = in.U32(), record.uid = in.U32(), record.gid = in.U32();
  record.prefix = in.Bytes32(), record.head = in.Bytes32(), record.xattrs = in.Bytes32();
  record.size = in.F64();
  if (record.source == kPath || record.source == kStaged) record.from = in.Bytes16();
  if (record.source == kInline) record.from = in.Bytes32();
  return record;
}

struct Store {
  int source = -1, staging = -1, objects = -1;
  std::string suffix;
  int level = -1;
  double budget = 0;
  std::atomic<int64_t> spent{0};

  void Spend(size_t size, View path) {
    int64_t rounded = (static_cast<int64_t>(size) + kBlock - 1) / kBlock * kBlock;
    if ((spent += rounded) > budget) throw Failure{EDQUOT, "write", std::string(path)};
  }
};

// Raw deflate into a file, or plain writing.
class Sink {
 public:
  Sink(int fd, int level, const std::string &path) : fd_(fd), packed_(level >= 0), path_(path) {
    if (!packed_) return;
    buffer_.resize(kChunk);
    if (deflateInit2(&stream_, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw Failure{ENOMEM, "deflate", path};
  }
  ~Sink() {
    if (packed_) deflateEnd(&stream_);
  }
  void Write(const char *data, size_t size) {
    if (packed_) Deflate(data, size, Z_NO_FLUSH);
    else WriteAll(fd_, data, size, path_);
  }
  void Finish() {
    if (packed_) Deflate(nullptr, 0, Z_FINISH);
  }

 private:
  void Deflate(const char *data, size_t size, int flush) {
    stream_.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(data));
    stream_.avail_in = size;
    do {
      stream_.next_out = reinterpret_cast<Bytef *>(buffer_.data());
      stream_.avail_out = buffer_.size();
      deflate(&stream_, flush);
      WriteAll(fd_, buffer_.data(), buffer_.size() - stream_.avail_out, path_);
    } while (stream_.avail_out == 0);
  }
  int fd_;
  bool packed_;
  const std::string &path_;
  std::string buffer_;
  z_stream stream_{};
};

OwnedFd OpenSource(int dir, const Record &record, const std::string &path) {
  // An absolute path is a descriptor below /proc, which only following opens.
  int follow = path[0] == '/' ? 0 : O_NOFOLLOW;
  OwnedFd fd(openat(dir, path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | follow));
  Must(fd.get(), "open", path);
  struct stat st;
  Must(fstat(fd.get(), &st), "fstat", path);
  if (!S_ISREG(st.st_mode) || static_cast<double>(st.st_size) != record.size) throw Failure{kChanged, "open", path};
  if (path[0] == '/') Must(lseek(fd.get(), 0, SEEK_SET), "lseek", path);
  return fd;
}

bool Exists(int dir, const std::string &name) { return faccessat(dir, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

// Runs `make`, which sets errno; makes the object's two-digit directory where it is missing.
template <typename Make>
int WithParent(const Store &store, const std::string &name, Make make) {
  int result = make();
  if (result != -1 || errno != ENOENT) return result;
  std::string parent = name.substr(0, 2);
  if (mkdirat(store.staging, parent.c_str(), 0775) == -1 && errno != EEXIST) Fail("mkdir", parent);
  return make();
}

void SetAttributes(int fd, const Record &record, const std::string &name) {
  if (record.flags & kOwner) Must(fchown(fd, record.uid, record.gid), "chown", name);
  Must(fchmod(fd, record.mode), "chmod", name);
  SetFileXattrs(fd, record.xattrs, name);
  timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
  if (record.flags & kEpoch) Must(futimens(fd, times), "utimensat", name);
}

bool MakeSymlink(const Store &store, const Record &record, const std::string &name) {
  std::string target(record.head);
  int made = WithParent(store, name, [&] { return symlinkat(target.c_str(), store.staging, name.c_str()); });
  if (made == -1 && errno == EEXIST) return false;
  Must(made, "symlink", name);
  if (record.flags & kOwner) Must(fchownat(store.staging, name.c_str(), record.uid, record.gid, AT_SYMLINK_NOFOLLOW), "chown", name);
  SetPathXattrs(store.staging, name, record.xattrs);
  return true;
}

// Content in memory: the name is known before the file is made, so it gets it at once.
bool MakeFile(Store &store, const Record &record, View content, const std::string &name) {
  int fd = WithParent(store, name, [&] { return openat(store.staging, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); });
  if (fd == -1 && errno == EEXIST) return false;
  Must(fd, "open", name);
  OwnedFd file(fd);
  try {
    store.Spend(content.size(), name);
    WriteAll(fd, record.head.data(), record.head.size(), name);
    if (record.source != kNone) {
      Sink sink(fd, store.level, name);
      sink.Write(content.data(), content.size());
      sink.Finish();
    }
    SetAttributes(fd, record, name);
  } catch (const Failure &) {
    unlinkat(store.staging, name.c_str(), 0);
    throw;
  }
  return true;
}

void Finish(Store &store, Record &record, SHA256_CTX &hash, View content) {
  SHA256_Final(record.digest, &hash);
  std::string name = DigestPath(record.Digest(), store.suffix);
  if (Exists(store.objects, name)) return;
  record.made = record.kind == 1 ? MakeSymlink(store, record, name) : MakeFile(store, record, content, name);
}

// Hands the content on in pieces.
template <typename Take>
void ReadWhole(int fd, const Record &record, const std::string &path, Take take) {
  std::string buffer(kChunk, '\0');
  double total = 0;
  while (size_t size = ReadFull(fd, buffer.data(), buffer.size(), path)) {
    take(buffer.data(), size);
    total += size;
  }
  if (total != record.size) throw Failure{kChanged, "read", path};
}

// Large content passes through once: hashed and written to an unnamed file, which is then linked or forgotten.
void StoreLarge(Store &store, Record &record, SHA256_CTX &hash, const std::string &path) {
  OwnedFd from = OpenSource(store.source, record, path);
  OwnedFd file(openat(store.staging, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
  Must(file.get(), "open", path);
  store.Spend(record.size, path);
  WriteAll(file.get(), record.head.data(), record.head.size(), path);
  Sink sink(file.get(), store.level, path);
  ReadWhole(from.get(), record, path, [&](const char *data, size_t size) {
    SHA256_Update(&hash, data, size);
    sink.Write(data, size);
  });
  sink.Finish();
  SHA256_Final(record.digest, &hash);
  std::string name = DigestPath(record.Digest(), store.suffix);
  if (Exists(store.objects, name)) return;
  SetAttributes(file.get(), record, path);
  std::string link = "/proc/self/fd/" + std::to_string(file.get());
  int made = WithParent(store, name, [&] { return linkat(AT_FDCWD, link.c_str(), store.staging, name.c_str(), AT_SYMLINK_FOLLOW); });
  if (made == -1 && errno == EEXIST) return;
  Must(made, "link", name);
  record.made = true;
}

// A file that lies in the staging directory already becomes the object itself, or goes where there is one.
void StoreStaged(Store &store, Record &record, SHA256_CTX &hash, const std::string &path) {
  OwnedFd file = OpenSource(store.staging, record, path);
  store.Spend(record.size, path);
  // Only begins: what the disk has by then, the syncfs of the transaction need not wait for.
  sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  ReadWhole(file.get(), record, path, [&](const char *data, size_t size) { SHA256_Update(&hash, data, size); });
  SHA256_Final(record.digest, &hash);
  std::string name = DigestPath(record.Digest(), store.suffix);
  if (!Exists(store.objects, name)) {
    SetAttributes(file.get(), record, path);
    int made = WithParent(store, name, [&] { return linkat(store.staging, path.c_str(), store.staging, name.c_str(), 0); });
    if (made == -1 && errno != EEXIST) Fail("link", name);
    record.made = made == 0;
  }
  Must(unlinkat(store.staging, path.c_str(), 0), "unlink", path);
}

void StoreOne(Store &store, Record &record) {
  SHA256_CTX hash;
  SHA256_Init(&hash);
  SHA256_Update(&hash, record.prefix.data(), record.prefix.size());
  if (record.source == kNone) return Finish(store, record, hash, "");
  if (record.source == kInline) {
    SHA256_Update(&hash, record.from.data(), record.from.size());
    return Finish(store, record, hash, record.from);
  }
  std::string path(record.from);
  if (record.source == kStaged) return StoreStaged(store, record, hash, path);
  if (record.size > kSmall) return StoreLarge(store, record, hash, path);
  OwnedFd from = OpenSource(store.source, record, path);
  std::string content(static_cast<size_t>(record.size) + 1, '\0');
  size_t size = ReadFull(from.get(), content.data(), content.size(), path);
  if (static_cast<double>(size) != record.size) throw Failure{kChanged, "read", path};
  SHA256_Update(&hash, content.data(), size);
  Finish(store, record, hash, View(content.data(), size));
}

// The arguments of a call, and its work.
class StoreCall {
 public:
  explicit StoreCall(const Napi::CallbackInfo &info) {
    Bytes plan = ByteView(info.Env(), info[1]);
    auto options = info[2].As<Napi::Object>();
    store_.source = Int(info, 0);
    store_.staging = options.Get("staging").As<Napi::Number>().Int32Value();
    store_.objects = options.Get("store").As<Napi::Number>().Int32Value();
    store_.suffix = options.Get("suffix").As<Napi::String>();
    store_.level = options.Get("deflateLevel").As<Napi::Number>().Int32Value();
    store_.budget = options.Get("budget").As<Napi::Number>().DoubleValue();
    plan_ = View(reinterpret_cast<const char *>(plan.data), plan.size);
  }

  // For a call that outlives the caller's buffer.
  void KeepPlan() {
    kept_ = plan_;
    plan_ = kept_;
  }

  void Run() {
    for (Unpacker in(plan_); !in.AtEnd();) records_.push_back(Next(in));
    ForAll(records_.size(), [&](size_t i) { StoreOne(store_, records_[i]); });
  }

  Napi::Value Result(Napi::Env env) const {
    Packer out;
    for (const Record &record : records_) {
      out.U32(record.made);
      out.Raw(record.digest, sizeof record.digest);
    }
    return NewBytes(env, out.data().data(), out.data().size());
  }

 private:
  Store store_;
  View plan_;
  std::string kept_;
  std::vector<Record> records_;
};

class Storing : public Napi::AsyncWorker {
 public:
  explicit Storing(const Napi::CallbackInfo &info)
      : Napi::AsyncWorker(info.Env()), promise(Napi::Promise::Deferred::New(info.Env())), call_(info) {
    call_.KeepPlan();
  }
  Napi::Promise::Deferred promise;

 protected:
  void Execute() override {
    try {
      call_.Run();
    } catch (const Failure &failure) {
      failure_ = failure;
      SetError(failure.call);
    }
  }
  void OnOK() override { promise.Resolve(call_.Result(Env())); }
  void OnError(const Napi::Error &) override {
    try {
      Rethrow(Env(), failure_);
    } catch (const Napi::Error &error) {
      promise.Reject(error.Value());
    }
  }

 private:
  StoreCall call_;
  Failure failure_{ENOMEM, "malloc", ""};
};

}  // namespace

Napi::Value StoreFiles(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    StoreCall call(info);
    call.Run();
    return call.Result(info.Env());
  });
}

Napi::Value StoreFilesAside(const Napi::CallbackInfo &info) {
  auto *storing = new Storing(info);
  Napi::Promise promise = storing->promise.Promise();
  storing->Queue();
  return promise;
}

}  // namespace addon
