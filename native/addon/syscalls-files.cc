// Syscalls (native/syscalls.ts): opening, reading, writing and looking at files.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "syscalls.h"

namespace addon {
namespace {

struct NamedFlag {
  const char *name;
  int flag;
};
const NamedFlag kOpenFlags[] = {
    {"read", O_RDONLY},      {"write", O_WRONLY},   {"read-write", O_RDWR}, {"directory", O_DIRECTORY},
    {"path", O_PATH},        {"create", O_CREAT},   {"exclusive", O_EXCL},  {"truncate", O_TRUNC},
    {"append", O_APPEND},    {"nofollow", O_NOFOLLOW}, {"tmpfile", O_TMPFILE},
};

int OpenFlags(Info info, size_t index) {
  int flags = O_CLOEXEC | O_NOCTTY;
  auto names = info[index].As<Napi::Array>();
  for (uint32_t i = 0; i < names.Length(); i++) {
    std::string name = Napi::Value(names[i]).As<Napi::String>();
    auto found = std::find_if(std::begin(kOpenFlags), std::end(kOpenFlags), [&](const NamedFlag &one) { return name == one.name; });
    if (found == std::end(kOpenFlags)) throw Napi::TypeError::New(info.Env(), "unknown open flag " + name);
    flags |= found->flag;
  }
  return flags;
}

Napi::Value Open(Info info) {
  std::string path = Text(info, 1);
  int flags = OpenFlags(info, 2);
  mode_t mode = info.Length() > 3 && info[3].IsNumber() ? Int(info, 3) : 0666;
  int dir = Int(info, 0);
  int fd = Retry([&] { return openat(dir, path.c_str(), flags, mode); });
  Check(info, fd, "open", path);
  return Napi::Number::New(info.Env(), fd);
}

void Close(Info info) { Check(info, close(Int(info, 0)), "close"); }

Napi::Value Read(Info info) {
  std::vector<uint8_t> buffer(Int64(info, 1));
  int fd = Int(info, 0);
  ssize_t count = Retry([&] { return read(fd, buffer.data(), buffer.size()); });
  Check(info, count, "read");
  return NewBytes(info.Env(), buffer.data(), count);
}

void Seek(Info info) { Check(info, lseek(Int(info, 0), Int64(info, 1), SEEK_SET), "lseek"); }

void WriteAll(Info info, int fd, const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t count = Retry([&] { return write(fd, data, size); });
    if (count == -1 && errno == EAGAIN) {
      // Somebody made the descriptor non-blocking (it may be shared with another process): wait for the reader.
      pollfd ready{fd, POLLOUT, 0};
      Check(info, Retry([&] { return poll(&ready, 1, -1); }), "poll");
      continue;
    }
    Check(info, count, "write");
    data += count;
    size -= count;
  }
}

void Write(Info info) {
  if (info[1].IsString()) {
    std::string text = info[1].As<Napi::String>().Utf8Value();
    return WriteAll(info, Int(info, 0), reinterpret_cast<const uint8_t *>(text.data()), text.size());
  }
  Bytes bytes = ByteView(info.Env(), info[1]);
  WriteAll(info, Int(info, 0), bytes.data, bytes.size);
}

struct File {
  int fd;
  ~File() {
    if (fd >= 0) close(fd);
  }
};

// False with errno set where the file cannot be opened; a failing read throws.
bool Slurp(Info info, std::vector<uint8_t> &content) {
  std::string path = Text(info, 1);
  int dir = Int(info, 0);
  File file{Retry([&] { return openat(dir, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); })};
  if (file.fd < 0) return false;
  struct stat st;
  Check(info, fstat(file.fd, &st), "fstat", path);
  // A fifo without a writer, or a device, would never end.
  if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) ThrowErrno(info.Env(), EINVAL, "read", path);
  size_t used = 0;
  content.resize(std::max<size_t>(st.st_size + 1, 4096));
  for (;;) {
    ssize_t count = Retry([&] { return read(file.fd, content.data() + used, content.size() - used); });
    Check(info, count, "read", path);
    if (count == 0) break;
    used += count;
    if (used == content.size()) content.resize(content.size() * 2);
  }
  content.resize(used);
  return true;
}

Napi::Value ReadFile(Info info) {
  std::vector<uint8_t> content;
  if (!Slurp(info, content)) ThrowErrno(info.Env(), errno, "open", Text(info, 1));
  return NewBytes(info.Env(), content.data(), content.size());
}

Napi::Value ReadText(Info info) {
  std::vector<uint8_t> content;
  if (!Slurp(info, content)) {
    if (Missing()) return info.Env().Null();
    ThrowErrno(info.Env(), errno, "open", Text(info, 1));
  }
  return Napi::String::New(info.Env(), reinterpret_cast<const char *>(content.data()), content.size());
}

Napi::Object StatObject(Napi::Env env, const struct stat &st) {
  auto object = Napi::Object::New(env);
  object.Set("mode", st.st_mode);
  object.Set("uid", st.st_uid);
  object.Set("gid", st.st_gid);
  object.Set("size", static_cast<double>(st.st_size));
  object.Set("dev", static_cast<double>(st.st_dev));
  object.Set("ino", static_cast<double>(st.st_ino));
  object.Set("nlink", static_cast<double>(st.st_nlink));
  object.Set("rdev", static_cast<double>(st.st_rdev));
  object.Set("mtime", static_cast<double>(st.st_mtim.tv_sec));
  object.Set("mtimeNsec", static_cast<double>(st.st_mtim.tv_nsec));
  return object;
}

Napi::Value StatWith(Info info, int flags, const char *syscall) {
  std::string path = Text(info, 1);
  struct stat st;
  if (fstatat(Int(info, 0), path.c_str(), &st, flags) == 0) return StatObject(info.Env(), st);
  if (Missing()) return info.Env().Null();
  ThrowErrno(info.Env(), errno, syscall, path);
}

Napi::Value Stat(Info info) { return StatWith(info, 0, "stat"); }
Napi::Value Lstat(Info info) { return StatWith(info, AT_SYMLINK_NOFOLLOW, "lstat"); }

Napi::Value Fstat(Info info) {
  struct stat st;
  Check(info, fstat(Int(info, 0), &st), "fstat");
  return StatObject(info.Env(), st);
}

Napi::Value Statfs(Info info) {
  struct statfs st;
  int fd = Int(info, 0);
  Check(info, Retry([&] { return fstatfs(fd, &st); }), "fstatfs");
  auto object = Napi::Object::New(info.Env());
  object.Set("type", static_cast<double>(static_cast<uint32_t>(st.f_type)));
  object.Set("bsize", static_cast<double>(st.f_bsize));
  object.Set("blocks", static_cast<double>(st.f_blocks));
  object.Set("bfree", static_cast<double>(st.f_bfree));
  object.Set("bavail", static_cast<double>(st.f_bavail));
  object.Set("flags", static_cast<double>(st.f_flags));
  return object;
}

Napi::Value Readlink(Info info) {
  std::string path = Text(info, 1);
  std::vector<char> buffer(PATH_MAX + 1);
  ssize_t count = readlinkat(Int(info, 0), path.c_str(), buffer.data(), buffer.size());
  if (count >= 0) return Napi::String::New(info.Env(), buffer.data(), count);
  if (Missing()) return info.Env().Null();
  ThrowErrno(info.Env(), errno, "readlink", path);
}

const char *KindName(int dir, const dirent *entry) {
  unsigned char type = entry->d_type;
  if (type == DT_UNKNOWN) {
    struct stat st;
    if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) type = IFTODT(st.st_mode);
  }
  return type == DT_REG ? "file" : type == DT_DIR ? "directory" : type == DT_LNK ? "symlink" : "other";
}

Napi::Value Readdir(Info info) {
  std::string path = Text(info, 1);
  int fd = openat(Int(info, 0), path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Check(info, fd, "opendir", path);
  DIR *stream = fdopendir(fd);
  if (!stream) {
    int error = errno;
    close(fd);
    ThrowErrno(info.Env(), error, "opendir", path);
  }
  std::vector<std::pair<std::string, const char *>> entries;
  errno = 0;
  while (const dirent *entry = readdir(stream)) {
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) entries.emplace_back(entry->d_name, KindName(fd, entry));
    errno = 0;
  }
  int error = errno;
  closedir(stream);
  if (error) ThrowErrno(info.Env(), error, "readdir", path);
  std::sort(entries.begin(), entries.end());
  auto array = Napi::Array::New(info.Env(), entries.size());
  for (size_t i = 0; i < entries.size(); i++) {
    auto object = Napi::Object::New(info.Env());
    object.Set("name", entries[i].first);
    object.Set("kind", entries[i].second);
    array.Set(i, object);
  }
  return array;
}

Napi::Value Realpath(Info info) {
  std::string path = Text(info, 0);
  char *resolved = realpath(path.c_str(), nullptr);
  if (!resolved) ThrowErrno(info.Env(), errno, "realpath", path);
  auto text = Napi::String::New(info.Env(), resolved);
  free(resolved);
  return text;
}

}  // namespace

void InitFileCalls(Napi::Env, Napi::Object exports) {
  Export(exports, "open", Open);
  Export(exports, "close", Close);
  Export(exports, "read", Read);
  Export(exports, "seek", Seek);
  Export(exports, "write", Write);
  Export(exports, "readFile", ReadFile);
  Export(exports, "readText", ReadText);
  Export(exports, "stat", Stat);
  Export(exports, "lstat", Lstat);
  Export(exports, "fstat", Fstat);
  Export(exports, "statfs", Statfs);
  Export(exports, "readlink", Readlink);
  Export(exports, "readdir", Readdir);
  Export(exports, "realpath", Realpath);
}

}  // namespace addon
