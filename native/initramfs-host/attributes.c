// Syscalls (native/syscalls.ts): owners, modes, times, flags, and what makes them last.
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../freeze-thaw.h"
#include "calls.h"
#include "linux-api.h"

CALL(chmod) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  mode_t mode = (mode_t)arg_int(&a, 2);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, fchmodat(dir, path, mode, 0), "chmod", path));
}

CALL(fchmod) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  mode_t mode = (mode_t)arg_int(&a, 1);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, fchmod(fd, mode), "fchmod", NULL));
}

CALL(chown) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  uid_t uid = (uid_t)arg_int64(&a, 2);
  gid_t gid = (gid_t)arg_int64(&a, 3);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked(c, fchownat(dir, path, uid, gid, AT_SYMLINK_NOFOLLOW), "chown", path));
}

CALL(fchown) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  uid_t uid = (uid_t)arg_int64(&a, 1);
  gid_t gid = (gid_t)arg_int64(&a, 2);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, fchown(fd, uid, gid), "fchown", NULL));
}

CALL(utimes) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  struct timespec time = {.tv_sec = (time_t)arg_int64(&a, 2)};
  time.tv_nsec = (long)arg_int64(&a, 3);
  struct timespec times[2] = {time, time};
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked(c, utimensat(dir, path, times, AT_SYMLINK_NOFOLLOW), "utimensat", path));
}

CALL(ftruncate) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  off_t size = (off_t)arg_int64(&a, 1);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, ftruncate(fd, size), "ftruncate", NULL));
}

CALL(umask) {
  ARGUMENTS(a);
  mode_t mask = (mode_t)arg_int(&a, 0);
  return finish(&a, a.failed ? JS_EXCEPTION : JS_NewInt32(c, (int)umask(mask)));
}

typedef int fd_call(int fd);

static JSValue on_fd(struct arguments *a, fd_call *call, const char *syscall) {
  int fd = arg_int(a, 0);
  return finish(a, a->failed ? JS_EXCEPTION : checked(a->c, call(fd), syscall, NULL));
}

CALL(fsync) {
  ARGUMENTS(a);
  return on_fd(&a, fsync, "fsync");
}

CALL(fdatasync) {
  ARGUMENTS(a);
  return on_fd(&a, fdatasync, "fdatasync");
}

CALL(syncfs) {
  ARGUMENTS(a);
  return on_fd(&a, syncfs, "syncfs");
}

CALL(freezeThaw) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  const char *how = arg_text(&a, 1);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  const char *failed = freeze_thaw_watched(fd, freeze_end_of(how));
  return finish(&a, failed ? throw_errno(c, errno, failed, NULL) : JS_UNDEFINED);
}

CALL(setImmutable) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0), flags = 0;
  bool immutable = arg_bool(&a, 1);
  if (a.failed) return JS_EXCEPTION;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1) {
    if (errno == ENOTTY || errno == ENOTSUP || errno == ENOSYS) return JS_FALSE;
    return throw_errno(c, errno, "FS_IOC_GETFLAGS", NULL);
  }
  int wanted = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
  if (wanted != flags && ioctl(fd, FS_IOC_SETFLAGS, &wanted) == -1)
    return throw_errno(c, errno, "FS_IOC_SETFLAGS", NULL);
  return JS_TRUE;
}
