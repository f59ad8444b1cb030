// Syscalls (native/syscalls.ts): owners, modes, times, extended attributes and flags.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "../freeze-thaw.h"
#include "syscalls.h"

namespace addon {
namespace {

void Chmod(Info info) { Check(info, fchmodat(Int(info, 0), Text(info, 1).c_str(), Int(info, 2), 0), "chmod", Text(info, 1)); }
void Fchmod(Info info) { Check(info, fchmod(Int(info, 0), Int(info, 1)), "fchmod"); }

void Chown(Info info) {
  Check(info, fchownat(Int(info, 0), Text(info, 1).c_str(), Int64(info, 2), Int64(info, 3), AT_SYMLINK_NOFOLLOW), "chown", Text(info, 1));
}

void Fchown(Info info) { Check(info, fchown(Int(info, 0), Int64(info, 1), Int64(info, 2)), "fchown"); }

void Utimes(Info info) {
  timespec time{static_cast<time_t>(Int64(info, 2)), static_cast<long>(Int64(info, 3))};
  timespec times[2] = {time, time};
  Check(info, utimensat(Int(info, 0), Text(info, 1).c_str(), times, AT_SYMLINK_NOFOLLOW), "utimensat", Text(info, 1));
}

void Ftruncate(Info info) { Check(info, ftruncate(Int(info, 0), Int64(info, 1)), "ftruncate"); }
Napi::Value Umask(Info info) { return Napi::Number::New(info.Env(), umask(Int(info, 0))); }

// The l*xattr calls take no directory fd. The parent is opened and its file named below /proc/self/fd, so that the
// last component is never followed and the path may be as long as the caller's.
class XattrPath {
 public:
  XattrPath(Info info, size_t index) : path_(Text(info, index + 1)) {
    int dir = Int(info, index);
    if (dir == AT_FDCWD || path_[0] == '/') name_ = path_;
    else name_ = "/proc/self/fd/" + std::to_string(dir) + "/" + path_;
  }
  const char *name() const { return name_.c_str(); }
  const std::string &path() const { return path_; }

 private:
  std::string path_, name_;
};

bool NoXattrs() { return errno == ENOTSUP || errno == ENOSYS; }

std::vector<std::string> XattrNames(Info info, const XattrPath &file) {
  std::vector<char> list(4096);
  ssize_t size;
  while ((size = llistxattr(file.name(), list.data(), list.size())) == -1 && errno == ERANGE) list.resize(list.size() * 4);
  if (size == -1 && NoXattrs()) return {};
  Check(info, size, "listxattr", file.path());
  std::vector<std::string> names;
  for (ssize_t at = 0; at < size; at += names.back().size() + 1) names.emplace_back(&list[at]);
  std::sort(names.begin(), names.end());
  return names;
}

Napi::Value Xattrs(Info info) {
  XattrPath file(info, 0);
  auto array = Napi::Array::New(info.Env());
  std::vector<uint8_t> value(65536);
  for (const std::string &name : XattrNames(info, file)) {
    ssize_t size = lgetxattr(file.name(), name.c_str(), value.data(), value.size());
    if (size == -1 && errno == ENODATA) continue;  // gone between the two calls
    Check(info, size, "getxattr", file.path());
    auto object = Napi::Object::New(info.Env());
    object.Set("name", name);
    object.Set("value", NewBytes(info.Env(), value.data(), size));
    array.Set(array.Length(), object);
  }
  return array;
}

void SetXattr(Info info) {
  XattrPath file(info, 0);
  Bytes value = ByteView(info.Env(), info[3]);
  Check(info, lsetxattr(file.name(), Text(info, 2).c_str(), value.data, value.size, 0), "setxattr", file.path());
}

void RemoveXattr(Info info) {
  XattrPath file(info, 0);
  Check(info, lremovexattr(file.name(), Text(info, 2).c_str()), "removexattr", file.path());
}

Napi::Value FgetXattr(Info info) {
  std::vector<uint8_t> value(65536);
  ssize_t size = fgetxattr(Int(info, 0), Text(info, 1).c_str(), value.data(), value.size());
  if (size == -1 && (errno == ENODATA || NoXattrs())) return info.Env().Null();
  Check(info, size, "fgetxattr");
  return NewBytes(info.Env(), value.data(), size);
}

void FsetXattr(Info info) {
  Bytes value = ByteView(info.Env(), info[2]);
  Check(info, fsetxattr(Int(info, 0), Text(info, 1).c_str(), value.data, value.size, 0), "fsetxattr");
}

void Fsync(Info info) { Check(info, fsync(Int(info, 0)), "fsync"); }
void Fdatasync(Info info) { Check(info, fdatasync(Int(info, 0)), "fdatasync"); }
void Syncfs(Info info) { Check(info, syncfs(Int(info, 0)), "syncfs"); }

Napi::Value SetImmutable(Info info) {
  int fd = Int(info, 0), flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1) {
    if (errno == ENOTTY || errno == ENOTSUP || errno == ENOSYS) return Napi::Boolean::New(info.Env(), false);
    ThrowErrno(info.Env(), errno, "FS_IOC_GETFLAGS");
  }
  int wanted = Bool(info, 1) ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
  if (wanted != flags) Check(info, ioctl(fd, FS_IOC_SETFLAGS, &wanted), "FS_IOC_SETFLAGS");
  return Napi::Boolean::New(info.Env(), true);
}

void FreezeThaw(Info info) {
  const char *failed = freeze_thaw_watched(Int(info, 0), freeze_end_of(Text(info, 1).c_str()));
  if (failed) ThrowErrno(info.Env(), errno, failed);
}

}  // namespace

void InitAttributeCalls(Napi::Env, Napi::Object exports) {
  Export(exports, "chmod", Chmod);
  Export(exports, "fchmod", Fchmod);
  Export(exports, "chown", Chown);
  Export(exports, "fchown", Fchown);
  Export(exports, "utimes", Utimes);
  Export(exports, "ftruncate", Ftruncate);
  Export(exports, "umask", Umask);
  Export(exports, "xattrs", Xattrs);
  Export(exports, "setXattr", SetXattr);
  Export(exports, "removeXattr", RemoveXattr);
  Export(exports, "fgetXattr", FgetXattr);
  Export(exports, "fsetXattr", FsetXattr);
  Export(exports, "fsync", Fsync);
  Export(exports, "fdatasync", Fdatasync);
  Export(exports, "syncfs", Syncfs);
  Export(exports, "setImmutable", SetImmutable);
  Export(exports, "freezeThaw", FreezeThaw);
}

}  // namespace addon
