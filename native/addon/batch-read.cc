// readFiles, hashFiles and the two zlib calls.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <sys/xattr.h>
#include <zlib.h>

#include "addon.h"
#include "arguments.h"
#include "batch.h"

namespace addon {
namespace {

constexpr size_t kChunk = 1 << 18;

struct Read {
  uint32_t error = 0, mode = 0;
  double size = 0;
  std::string content, xattr;
};

void ReadOne(int dir, const std::string &path, size_t limit, const std::string &xattr, Read &out) {
  OwnedFd fd(openat(dir, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat st;
  if (fd.get() < 0 || fstat(fd.get(), &st) == -1) {
    out.error = errno;
    return;
  }
  out.size = st.st_size;
  out.mode = st.st_mode;
  if (limit > 0 && S_ISREG(st.st_mode)) {
    out.content.resize(std::min<size_t>(limit, st.st_size));
    out.content.resize(ReadFull(fd.get(), out.content.data(), out.content.size(), path));
  }
  if (xattr.empty()) return;
  char value[4096];
  ssize_t length = fgetxattr(fd.get(), xattr.c_str(), value, sizeof value);
  if (length >= 0) {
    out.xattr.assign(value, length);
  } else if (errno == ERANGE) {
    out.xattr.resize(65536);
    length = fgetxattr(fd.get(), xattr.c_str(), out.xattr.data(), out.xattr.size());
    out.xattr.resize(std::max<ssize_t>(length, 0));
  }
}

View Packed(const Napi::CallbackInfo &info, size_t index) {
  Bytes bytes = ByteView(info.Env(), info[index]);
  return View(reinterpret_cast<const char *>(bytes.data), bytes.size);
}

struct HashTask {
  std::string path;
  View prefix;
  uint32_t offset;
  uint8_t how;
  uint32_t error = 0;
  double size = 0;
  unsigned char digest[SHA256_DIGEST_LENGTH] = {};
};

// Inflates what read() gives and hands the output on. Trailing bytes after the stream are an error.
class Inflater {
 public:
  Inflater() { inflateInit2(&stream_, -MAX_WBITS); }
  ~Inflater() { inflateEnd(&stream_); }
  template <typename Sink>
  bool Feed(const char *data, size_t size, char *buffer, Sink sink) {
    stream_.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(data));
    stream_.avail_in = size;
    while (stream_.avail_in > 0 && !done_) {
      stream_.next_out = reinterpret_cast<Bytef *>(buffer);
      stream_.avail_out = kChunk;
      int status = inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return false;
      sink(buffer, kChunk - stream_.avail_out);
      done_ = status == Z_STREAM_END;
      if (status == Z_BUF_ERROR && stream_.avail_out == kChunk) break;
    }
    return stream_.avail_in == 0;
  }
  bool done() const { return done_; }

 private:
  z_stream stream_{};
  bool done_ = false;
};

void HashContent(int fd, HashTask &task, SHA256_CTX &hash) {
  std::vector<char> in(kChunk), out(task.how == 1 ? kChunk : 0);
  Inflater inflater;
  auto sink = [&](const char *data, size_t size) { SHA256_Update(&hash, data, size), task.size += size; };
  if (task.offset) Must(lseek(fd, task.offset, SEEK_SET), "lseek", task.path);
  for (;;) {
    size_t size = ReadFull(fd, in.data(), in.size(), task.path);
    if (size == 0) break;
    if (task.how == 0) sink(in.data(), size);
    else if (!inflater.Feed(in.data(), size, out.data(), sink)) task.error = EINVAL;
    if (size < in.size() || task.error) break;
  }
  if (task.how == 1 && !inflater.done()) task.error = EINVAL;
}

void HashOne(int dir, HashTask &task) {
  SHA256_CTX hash;
  SHA256_Init(&hash);
  SHA256_Update(&hash, task.prefix.data(), task.prefix.size());
  if (task.how != 2) {
    OwnedFd fd(openat(dir, task.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd.get() < 0) {
      task.error = errno;
      return;
    }
    try {
      HashContent(fd.get(), task, hash);
    } catch (const Failure &failure) {
      task.error = failure.error;
    }
  }
  SHA256_Final(task.digest, &hash);
}

}  // namespace

Napi::Value ReadFiles(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    int dir = Int(info, 0);
    auto options = info[2].As<Napi::Object>();
    size_t limit = options.Get("limit").As<Napi::Number>().Int64Value();
    std::string xattr = options.Get("xattr").As<Napi::String>();
    std::vector<std::string> paths;
    for (Unpacker in(Packed(info, 1)); !in.AtEnd();) paths.emplace_back(in.Bytes16());
    std::vector<Read> results(paths.size());
    ForAll(paths.size(), [&](size_t i) { ReadOne(dir, paths[i], limit, xattr, results[i]); });
    Packer out;
    for (const Read &read : results) {
      out.U32(read.error), out.F64(read.size), out.U32(read.mode);
      out.Bytes32(read.content), out.Bytes32(read.xattr);
    }
    return NewBytes(info.Env(), out.data().data(), out.data().size());
  });
}

Napi::Value HashFiles(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    int dir = Int(info, 0);
    std::vector<HashTask> tasks;
    for (Unpacker in(Packed(info, 1)); !in.AtEnd();) {
      HashTask task;
      task.path = in.Bytes16(), task.prefix = in.Bytes32(), task.offset = in.U32(), task.how = in.U8();
      tasks.push_back(std::move(task));
    }
    ForAll(tasks.size(), [&](size_t i) { HashOne(dir, tasks[i]); });
    Packer out;
    for (const HashTask &task : tasks) {
      out.U32(task.error), out.F64(task.size);
      out.Raw(task.digest, sizeof task.digest);
    }
    return NewBytes(info.Env(), out.data().data(), out.data().size());
  });
}

Napi::Value DeflateRaw(const Napi::CallbackInfo &info) {
  Bytes bytes = ByteView(info.Env(), info[0]);
  z_stream stream{};
  if (deflateInit2(&stream, Int(info, 1), Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) ThrowErrno(info.Env(), EINVAL, "deflate");
  std::string out(deflateBound(&stream, bytes.size), '\0');
  stream.next_in = const_cast<Bytef *>(bytes.data);
  stream.avail_in = bytes.size;
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = out.size();
  int status = deflate(&stream, Z_FINISH);
  size_t size = stream.total_out;
  deflateEnd(&stream);
  if (status != Z_STREAM_END) ThrowErrno(info.Env(), EINVAL, "deflate");
  return NewBytes(info.Env(), out.data(), size);
}

Napi::Value InflateRaw(const Napi::CallbackInfo &info) {
  Bytes bytes = ByteView(info.Env(), info[0]);
  size_t size = Int64(info, 1);
  // Deflate cannot grow by more than 1032: a larger claim is a lie, found before memory is asked for.
  if (size / 1032 > bytes.size) ThrowErrno(info.Env(), EINVAL, "inflate");
  std::string out(size + 1, '\0');
  z_stream stream{};
  inflateInit2(&stream, -MAX_WBITS);
  stream.next_in = const_cast<Bytef *>(bytes.data);
  stream.avail_in = bytes.size;
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = out.size();
  int status = inflate(&stream, Z_FINISH);
  bool whole = status == Z_STREAM_END && stream.total_out == size && stream.avail_in == 0;
  inflateEnd(&stream);
  if (!whole) ThrowErrno(info.Env(), EINVAL, "inflate");
  return NewBytes(info.Env(), out.data(), size);
}

}  // namespace addon
