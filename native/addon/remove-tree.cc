#include "remove-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace addon {
namespace {

void ClearImmutable(int fd) {
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL))) {
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
}

int UnlinkFile(int dir, const char *name) {
  if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EPERM) return errno;
  int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return EPERM;
  ClearImmutable(fd);
  close(fd);
  return unlinkat(dir, name, 0) == 0 ? 0 : errno;
}

int RemoveIn(int dir, const char *name, dev_t device, std::string &failed);

int Empty(DIR *stream, dev_t device, std::string &failed) {
  while (const dirent *entry = readdir(stream)) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    bool plain = entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN;
    int error = plain ? UnlinkFile(dirfd(stream), entry->d_name) : RemoveIn(dirfd(stream), entry->d_name, device, failed);
    if (error) {
      failed = failed.empty() ? entry->d_name : std::string(entry->d_name) + "/" + failed;
      return error;
    }
  }
  return 0;
}

int RemoveIn(int dir, const char *name, dev_t device, std::string &failed) {
  if (unlinkat(dir, name, AT_REMOVEDIR) == 0) return 0;
  int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return 0;
    return errno == ENOTDIR || errno == ELOOP ? UnlinkFile(dir, name) : errno;
  }
  struct stat st;
  if (fstat(fd, &st) != 0 || (device && st.st_dev != device)) {
    close(fd);
    return EXDEV;
  }
  ClearImmutable(fd);
  DIR *stream = fdopendir(fd);
  if (!stream) {
    int error = errno;
    close(fd);
    return error;
  }
  int error = Empty(stream, st.st_dev, failed);
  closedir(stream);
  if (error) return error;
  return unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace

int RemoveTree(int dir, const std::string &name, std::string &failed) {
  std::string below;
  int error = RemoveIn(dir, name.c_str(), 0, below);
  if (error) failed = below.empty() ? name : name + "/" + below;
  return error;
}

}  // namespace addon
