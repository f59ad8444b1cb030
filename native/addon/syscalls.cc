// The Syscalls interface of native/syscalls.ts: one function a call, no policy.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "addon.h"
#include "arguments.h"
#include "remove-tree.h"

namespace addon {
namespace {

using Info = const Napi::CallbackInfo &;

template <typename Call>
auto Retry(Call call) {
  decltype(call()) result;
  do result = call();
  while (result == -1 && errno == EINTR);
  return result;
}

void Check(Info info, long result, const char *syscall, const std::string &path = "") {
  if (result == -1) ThrowErrno(info.Env(), errno, syscall, path);
}

bool Missing() { return errno == ENOENT || errno == ENOTDIR; }

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

void WriteAll(Info info, int fd, const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t count = Retry([&] { return write(fd, data, size); });
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
  File file{Retry([&] { return openat(dir, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY); })};
  if (file.fd < 0) return false;
  struct stat st;
  Check(info, fstat(file.fd, &st), "fstat", path);
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

void Mkdir(Info info) { Check(info, mkdirat(Int(info, 0), Text(info, 1).c_str(), Int(info, 2)), "mkdir", Text(info, 1)); }
void Rmdir(Info info) { Check(info, unlinkat(Int(info, 0), Text(info, 1).c_str(), AT_REMOVEDIR), "rmdir", Text(info, 1)); }
void Unlink(Info info) { Check(info, unlinkat(Int(info, 0), Text(info, 1).c_str(), 0), "unlink", Text(info, 1)); }

void RemoveTreeCall(Info info) {
  std::string path = Text(info, 1);
  std::string failed;
  int error = RemoveTree(Int(info, 0), path, failed);
  if (error) ThrowErrno(info.Env(), error, "rm -rf", failed);
}

void Rename(Info info) {
  std::string from = Text(info, 1), to = Text(info, 3);
  Check(info, renameat(Int(info, 0), from.c_str(), Int(info, 2), to.c_str()), "rename", from + " -> " + to);
}

void Rename2(Info info) {
  std::string from = Text(info, 1), to = Text(info, 3), how = Text(info, 4);
  unsigned flags = how == "noreplace" ? RENAME_NOREPLACE : how == "exchange" ? RENAME_EXCHANGE : 0;
  if (!flags) throw Napi::TypeError::New(info.Env(), "rename2: how must be noreplace or exchange");
  Check(info, renameat2(Int(info, 0), from.c_str(), Int(info, 2), to.c_str(), flags), "renameat2", from + " -> " + to);
}

void Link(Info info) {
  std::string from = Text(info, 1), to = Text(info, 3);
  Check(info, linkat(Int(info, 0), from.c_str(), Int(info, 2), to.c_str(), 0), "link", from + " -> " + to);
}

// Through /proc: AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH.
void LinkFd(Info info) {
  std::string from = "/proc/self/fd/" + std::to_string(Int(info, 0)), to = Text(info, 2);
  Check(info, linkat(AT_FDCWD, from.c_str(), Int(info, 1), to.c_str(), AT_SYMLINK_FOLLOW), "link", to);
}

void Symlink(Info info) {
  Check(info, symlinkat(Text(info, 0).c_str(), Int(info, 1), Text(info, 2).c_str()), "symlink", Text(info, 2));
}

void Mknod(Info info) {
  Check(info, mknodat(Int(info, 0), Text(info, 1).c_str(), Int(info, 2), static_cast<dev_t>(Int64(info, 3))), "mknod", Text(info, 1));
}

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

void Freeze(Info info) { Check(info, ioctl(Int(info, 0), FIFREEZE, 0), "FIFREEZE"); }
void Thaw(Info info) { Check(info, ioctl(Int(info, 0), FITHAW, 0), "FITHAW"); }

struct flock WholeFile(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

Napi::Value Lock(Info info) {
  std::string kind = Text(info, 1);
  struct flock lock = WholeFile(kind == "shared" ? F_RDLCK : kind == "exclusive" ? F_WRLCK : F_UNLCK);
  int fd = Int(info, 0), command = Bool(info, 2) ? F_OFD_SETLKW : F_OFD_SETLK;
  int result = Retry([&] { return fcntl(fd, command, &lock); });
  if (result == -1 && (errno == EAGAIN || errno == EACCES)) return Napi::Boolean::New(info.Env(), false);
  Check(info, result, "lock");
  return Napi::Boolean::New(info.Env(), true);
}

// OFD locks carry no process id, so /proc/PID/fdinfo is asked which process has this file open with a lock.
bool HoldsLock(const std::string &fdinfo, const std::string &inode) {
  FILE *file = fopen(fdinfo.c_str(), "re");
  if (!file) return false;
  char line[512];
  bool found = false;
  while (!found && fgets(line, sizeof line, file))
    found = strncmp(line, "lock:", 5) == 0 && strstr(line, inode.c_str()) != nullptr;
  fclose(file);
  return found;
}

std::vector<std::string> NamesIn(const std::string &directory) {
  std::vector<std::string> names;
  DIR *stream = opendir(directory.c_str());
  if (!stream) return names;
  while (const dirent *entry = readdir(stream))
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') names.emplace_back(entry->d_name);
  closedir(stream);
  return names;
}

Napi::Value LockHolder(Info info) {
  struct stat st;
  Check(info, fstat(Int(info, 0), &st), "fstat");
  std::string inode = ":" + std::to_string(st.st_ino) + " ";
  for (const std::string &pid : NamesIn("/proc")) {
    if (pid == std::to_string(getpid())) continue;
    std::string directory = "/proc/" + pid + "/fdinfo";
    for (const std::string &fd : NamesIn(directory))
      if (HoldsLock(directory + "/" + fd, inode)) return Napi::Number::New(info.Env(), std::stod(pid));
  }
  return info.Env().Null();
}

// The text of argument `index`, or null where it is null.
class OptionalText {
 public:
  OptionalText(Info info, size_t index) : given_(!info[index].IsNull() && !info[index].IsUndefined()), text_(given_ ? Text(info, index) : "") {}
  const char *get() const { return given_ ? text_.c_str() : nullptr; }

 private:
  bool given_;
  std::string text_;
};

void Mount(Info info) {
  OptionalText source(info, 0), type(info, 2), data(info, 4);
  std::string target = Text(info, 1);
  Check(info, mount(source.get(), target.c_str(), type.get(), Int64(info, 3), data.get()), "mount", target);
}

void Umount(Info info) { Check(info, umount2(Text(info, 0).c_str(), Int(info, 1)), "umount", Text(info, 0)); }
void Unshare(Info info) { Check(info, unshare(Int(info, 0)), "unshare"); }

void PivotRoot(Info info) {
  Check(info, syscall(SYS_pivot_root, Text(info, 0).c_str(), Text(info, 1).c_str()), "pivot_root", Text(info, 0));
}

void Chroot(Info info) { Check(info, chroot(Text(info, 0).c_str()), "chroot", Text(info, 0)); }
void Chdir(Info info) { Check(info, chdir(Text(info, 0).c_str()), "chdir", Text(info, 0)); }
void Fchdir(Info info) { Check(info, fchdir(Int(info, 0)), "fchdir"); }

std::vector<std::string> TextList(Info info, size_t index) {
  std::vector<std::string> list;
  auto array = info[index].As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) list.push_back(Napi::Value(array[i]).As<Napi::String>());
  return list;
}

std::vector<char *> Pointers(std::vector<std::string> &list) {
  std::vector<char *> pointers;
  for (std::string &one : list) pointers.push_back(one.data());
  pointers.push_back(nullptr);
  return pointers;
}

void Exec(Info info) {
  std::string path = Text(info, 0);
  auto argv = TextList(info, 1), environment = TextList(info, 2);
  execve(path.c_str(), Pointers(argv).data(), Pointers(environment).data());
  ThrowErrno(info.Env(), errno, "execve", path);
}

Napi::Value Getpid(Info info) { return Napi::Number::New(info.Env(), getpid()); }
Napi::Value Geteuid(Info info) { return Napi::Number::New(info.Env(), geteuid()); }
Napi::Value Now(Info info) { return Napi::Number::New(info.Env(), static_cast<double>(time(nullptr))); }

Napi::Value RandomHex(Info info) {
  std::vector<uint8_t> bytes(Int(info, 0));
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) ThrowErrno(info.Env(), errno, "getrandom");
  static const char kHex[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return Napi::String::New(info.Env(), text);
}

}  // namespace

void InitSyscalls(Napi::Env env, Napi::Object exports) {
  auto add = [&](const char *name, auto call) { exports.Set(name, Napi::Function::New(env, call, name)); };
  add("open", Open), add("close", Close), add("read", Read), add("write", Write);
  add("readFile", ReadFile), add("readText", ReadText);
  add("stat", Stat), add("lstat", Lstat), add("fstat", Fstat), add("statfs", Statfs);
  add("readlink", Readlink), add("readdir", Readdir), add("realpath", Realpath);
  add("mkdir", Mkdir), add("rmdir", Rmdir), add("unlink", Unlink), add("removeTree", RemoveTreeCall);
  add("rename", Rename), add("rename2", Rename2), add("link", Link), add("linkFd", LinkFd);
  add("symlink", Symlink), add("mknod", Mknod);
  add("chmod", Chmod), add("fchmod", Fchmod), add("chown", Chown), add("fchown", Fchown);
  add("utimes", Utimes), add("ftruncate", Ftruncate), add("umask", Umask);
  add("xattrs", Xattrs), add("setXattr", SetXattr), add("removeXattr", RemoveXattr);
  add("fgetXattr", FgetXattr), add("fsetXattr", FsetXattr);
  add("fsync", Fsync), add("fdatasync", Fdatasync), add("syncfs", Syncfs);
  add("setImmutable", SetImmutable), add("freeze", Freeze), add("thaw", Thaw);
  add("lock", Lock), add("lockHolder", LockHolder);
  add("mount", Mount), add("umount", Umount), add("unshare", Unshare), add("pivotRoot", PivotRoot);
  add("chroot", Chroot), add("chdir", Chdir), add("fchdir", Fchdir), add("exec", Exec);
  add("getpid", Getpid), add("geteuid", Geteuid), add("now", Now), add("randomHex", RandomHex);
}

}  // namespace addon
