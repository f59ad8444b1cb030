// scanTree and removeTreeFast: walks of a directory tree by several threads.
#include <dirent.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <memory>

#include "addon.h"
#include "arguments.h"
#include "batch.h"

namespace addon {
namespace {

using SharedFd = std::shared_ptr<OwnedFd>;

SharedFd OpenDirectory(int dir, const std::string &name) {
  int fd = openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  Must(fd, "opendir", name);
  return std::make_shared<OwnedFd>(fd);
}

struct Named {
  std::string name;
  unsigned char type;
};

std::vector<Named> ListDirectory(int fd, const std::string &path) {
  // fdopendir takes the descriptor over, the caller keeps its own.
  int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Must(own, "opendir", path);
  DIR *stream = fdopendir(own);
  if (!stream) {
    close(own);
    Fail("opendir", path);
  }
  std::vector<Named> entries;
  errno = 0;
  while (const dirent *entry = readdir(stream)) {
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) entries.push_back({entry->d_name, entry->d_type});
    errno = 0;
  }
  int error = errno;
  closedir(stream);
  if (error) throw Failure{error, "readdir", path};
  std::sort(entries.begin(), entries.end(), [](const Named &a, const Named &b) { return a.name < b.name; });
  return entries;
}

struct Directory;

struct Entry {
  std::string name, target, xattrs;
  struct stat st;
  std::unique_ptr<Directory> below;
};

struct Directory {
  std::string path;
  std::vector<Entry> entries;
};

struct ScanTask {
  Directory *directory;
  SharedFd parent;
  std::string name;
};

enum class Wanted { kNone, kDirectories, kAll };

void ScanOne(TaskPool<ScanTask> &pool, ScanTask &task, Wanted wanted) {
  SharedFd fd = OpenDirectory(task.parent->get(), task.name);
  task.parent.reset();
  Directory &directory = *task.directory;
  for (Named &named : ListDirectory(fd->get(), directory.path)) {
    Entry entry;
    entry.name = std::move(named.name);
    std::string path = directory.path.empty() ? entry.name : directory.path + "/" + entry.name;
    Must(fstatat(fd->get(), entry.name.c_str(), &entry.st, AT_SYMLINK_NOFOLLOW), "lstat", path);
    bool isDirectory = S_ISDIR(entry.st.st_mode);
    if (S_ISLNK(entry.st.st_mode)) entry.target = ReadLink(fd->get(), entry.name.c_str(), entry.st.st_size);
    if (wanted == Wanted::kAll || (wanted == Wanted::kDirectories && isDirectory)) entry.xattrs = PathXattrs(fd->get(), entry.name);
    if (isDirectory) {
      entry.below = std::make_unique<Directory>();
      entry.below->path = path;
    }
    directory.entries.push_back(std::move(entry));
  }
  for (auto entry = directory.entries.rbegin(); entry != directory.entries.rend(); ++entry)
    if (entry->below) pool.Push({entry->below.get(), fd, entry->name});
}

void PackDirectory(Packer &out, const Directory &top) {
  struct Open {
    const Directory *directory;
    uint32_t number;
  };
  std::vector<Open> stack{{&top, UINT32_MAX}};
  uint32_t count = 0;
  while (!stack.empty()) {
    Open open = stack.back();
    stack.pop_back();
    std::vector<Open> below;
    for (const Entry &entry : open.directory->entries) {
      const struct stat &st = entry.st;
      out.U32(open.number), out.U32(st.st_mode), out.U32(st.st_uid), out.U32(st.st_gid);
      out.F64(st.st_size), out.F64(st.st_ino), out.F64(st.st_dev);
      out.Bytes16(entry.name), out.Bytes16(entry.target), out.Bytes32(entry.xattrs);
      if (entry.below) below.push_back({entry.below.get(), count});
      count++;
    }
    stack.insert(stack.end(), below.rbegin(), below.rend());
  }
}

}  // namespace

Napi::Value ScanTree(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    int dir = Int(info, 0);
    std::string path = Text(info, 1), word = Text(info, 2);
    Wanted wanted = word == "all" ? Wanted::kAll : word == "directories" ? Wanted::kDirectories : Wanted::kNone;
    int base = openat(dir, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Must(base, "opendir", path);
    Directory top;
    TaskPool<ScanTask> pool;
    pool.Push({&top, std::make_shared<OwnedFd>(base), "."});
    pool.Run(WorkerCount(), [&](ScanTask &task) { ScanOne(pool, task, wanted); });
    Packer out;
    PackDirectory(out, top);
    return NewBytes(info.Env(), out.data().data(), out.data().size());
  });
}

namespace {

// A directory whose entries go first; it goes itself when the last of its subdirectories is gone.
struct Doomed {
  std::shared_ptr<Doomed> parent;
  SharedFd parentFd, fd;
  std::string name, path;
  dev_t device = 0;
  std::atomic<size_t> left{1};
};
using SharedDoomed = std::shared_ptr<Doomed>;

void ClearImmutable(int fd) {
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL))) {
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
}

void UnlinkFile(int dir, const std::string &name, const std::string &path) {
  if (unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno == EPERM) {
    OwnedFd fd(openat(dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd.get() >= 0) ClearImmutable(fd.get());
    if (unlinkat(dir, name.c_str(), 0) == 0) return;
  }
  Fail("unlink", path);
}

void Finish(SharedDoomed doomed) {
  while (doomed && --doomed->left == 0) {
    doomed->fd.reset();
    if (unlinkat(doomed->parentFd->get(), doomed->name.c_str(), AT_REMOVEDIR) == -1 && errno != ENOENT) Fail("rmdir", doomed->path);
    doomed = doomed->parent;
  }
}

void Empty(TaskPool<SharedDoomed> &pool, SharedDoomed &doomed) {
  doomed->fd = OpenDirectory(doomed->parentFd->get(), doomed->name);
  int fd = doomed->fd->get();
  struct stat st;
  Must(fstat(fd, &st), "fstat", doomed->path);
  if (doomed->device && st.st_dev != doomed->device) throw Failure{EXDEV, "rm -rf", doomed->path};
  ClearImmutable(fd);
  for (Named &named : ListDirectory(fd, doomed->path)) {
    bool isDirectory = named.type == DT_DIR;
    struct stat child;
    if (named.type == DT_UNKNOWN && fstatat(fd, named.name.c_str(), &child, AT_SYMLINK_NOFOLLOW) == 0) isDirectory = S_ISDIR(child.st_mode);
    if (!isDirectory) {
      UnlinkFile(fd, named.name, doomed->path + "/" + named.name);
      continue;
    }
    auto below = std::make_shared<Doomed>();
    below->parent = doomed;
    below->parentFd = doomed->fd;
    below->name = named.name;
    below->path = doomed->path + "/" + named.name;
    below->device = st.st_dev;
    doomed->left++;
    pool.Push(below);
  }
  Finish(doomed);
}

}  // namespace

Napi::Value RemoveTreeFast(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    int dir = Int(info, 0);
    std::string path = Text(info, 1);
    struct stat st;
    if (fstatat(dir, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == -1) {
      if (errno != ENOENT && errno != ENOTDIR) Fail("lstat", path);
      return info.Env().Undefined();
    }
    if (!S_ISDIR(st.st_mode)) {
      UnlinkFile(dir, path, path);
      return info.Env().Undefined();
    }
    size_t slash = path.rfind('/');
    std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    auto top = std::make_shared<Doomed>();
    int parentFd = openat(dir, parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Must(parentFd, "opendir", parent);
    top->parentFd = std::make_shared<OwnedFd>(parentFd);
    top->name = slash == std::string::npos ? path : path.substr(slash + 1);
    top->path = path;
    TaskPool<SharedDoomed> pool;
    pool.Push(top);
    pool.Run(WorkerCount(), [&](SharedDoomed &task) { Empty(pool, task); });
    return info.Env().Undefined();
  });
}

}  // namespace addon
