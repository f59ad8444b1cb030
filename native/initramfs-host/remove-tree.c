// Syscalls (native/syscalls.ts): removeTree, an rm -rf that never follows a symlink, stays on one file system and
// clears immutable flags.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "linux-api.h"

// The path below the start of what could not be removed, put together on the way back.
struct failure {
  char path[PATH_MAX];
};

static void prefix(struct failure *failure, const char *name) {
  size_t name_size = strlen(name), size = strlen(failure->path);
  bool is_first = size == 0;
  if (name_size + 1 + size >= sizeof failure->path) return;
  memmove(failure->path + name_size + !is_first, failure->path, size + 1);
  memcpy(failure->path, name, name_size);
  if (!is_first) failure->path[name_size] = '/';
}

static void clear_immutable(int fd) {
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1 || !(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL))) return;
  flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
  ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int unlink_file(int dir, const char *name) {
  if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EPERM) return errno;
  int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_LARGEFILE);
  if (fd < 0) return EPERM;
  clear_immutable(fd);
  close(fd);
  return unlinkat(dir, name, 0) == 0 ? 0 : errno;
}

static int remove_in(int dir, const char *name, const struct stat *parent, struct failure *failure);

static int empty(DIR *stream, const struct stat *self, struct failure *failure) {
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(stream);
    if (!entry) return errno;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    bool is_plain = entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN;
    int error = is_plain ? unlink_file(dirfd(stream), entry->d_name) : remove_in(dirfd(stream), entry->d_name, self, failure);
    if (error) {
      prefix(failure, entry->d_name);
      return error;
    }
  }
}

static int remove_in(int dir, const char *name, const struct stat *parent, struct failure *failure) {
  int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return 0;
    return errno == ENOTDIR || errno == ELOOP ? unlink_file(dir, name) : errno;
  }
  struct stat st;
  if (fstat(fd, &st) != 0 || (parent && st.st_dev != parent->st_dev)) {
    close(fd);
    return EXDEV;
  }
  clear_immutable(fd);
  DIR *stream = fdopendir(fd);
  if (!stream) {
    int error = errno;
    close(fd);
    return error;
  }
  int error = empty(stream, &st, failure);
  closedir(stream);
  if (error) return error;
  return unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

CALL(removeTree) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  struct failure failure = {""};
  int error = remove_in(dir, path, NULL, &failure);
  if (error) prefix(&failure, path);
  return finish(&a, error ? throw_errno(c, error, "rm -rf", failure.path) : JS_UNDEFINED);
}
