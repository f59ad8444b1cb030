// Syscalls (native/syscalls.ts): making, renaming and removing names.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"

enum { RENAME_NOREPLACE_FLAG = 1, RENAME_EXCHANGE_FLAG = 2 };

CALL(mkdir) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  mode_t mode = (mode_t)arg_int(&a, 2);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, mkdirat(dir, path, mode), "mkdir", path));
}

static JSValue unlink_with(struct arguments *a, int flags, const char *syscall) {
  int dir = arg_int(a, 0);
  const char *path = arg_text(a, 1);
  return finish(a, a->failed ? JS_EXCEPTION : checked(a->c, unlinkat(dir, path, flags), syscall, path));
}

CALL(rmdir) {
  ARGUMENTS(a);
  return unlink_with(&a, AT_REMOVEDIR, "rmdir");
}

CALL(unlink) {
  ARGUMENTS(a);
  return unlink_with(&a, 0, "unlink");
}

// For errors of calls with two paths.
static JSValue checked_pair(JSContext *c, long result, const char *syscall, const char *from, const char *to) {
  int error = errno;
  char both[2 * PATH_MAX];
  if (result == -1) snprintf(both, sizeof both, "%s -> %s", from, to);
  return result == -1 ? throw_errno(c, error, syscall, both) : JS_UNDEFINED;
}

CALL(rename) {
  ARGUMENTS(a);
  int from_dir = arg_int(&a, 0), to_dir = arg_int(&a, 2);
  const char *from = arg_text(&a, 1), *to = arg_text(&a, 3);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked_pair(c, renameat(from_dir, from, to_dir, to), "rename", from, to));
}

CALL(rename2) {
  ARGUMENTS(a);
  int from_dir = arg_int(&a, 0), to_dir = arg_int(&a, 2);
  const char *from = arg_text(&a, 1), *to = arg_text(&a, 3), *how = arg_text(&a, 4);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  bool exchange = strcmp(how, "exchange") == 0;
  if (!exchange && strcmp(how, "noreplace") != 0)
    return finish(&a, JS_ThrowTypeError(c, "rename2: how must be noreplace or exchange"));
  long result =
      syscall(SYS_renameat2, from_dir, from, to_dir, to, exchange ? RENAME_EXCHANGE_FLAG : RENAME_NOREPLACE_FLAG);
  return finish(&a, checked_pair(c, result, "renameat2", from, to));
}

CALL(link) {
  ARGUMENTS(a);
  int from_dir = arg_int(&a, 0), to_dir = arg_int(&a, 2);
  const char *from = arg_text(&a, 1), *to = arg_text(&a, 3);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked_pair(c, linkat(from_dir, from, to_dir, to, 0), "link", from, to));
}

// Through /proc: AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH.
CALL(linkFd) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0), dir = arg_int(&a, 1);
  const char *to = arg_text(&a, 2);
  char from[32];
  snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked(c, linkat(AT_FDCWD, from, dir, to, AT_SYMLINK_FOLLOW), "link", to));
}

CALL(symlink) {
  ARGUMENTS(a);
  const char *target = arg_text(&a, 0), *path = arg_text(&a, 2);
  int dir = arg_int(&a, 1);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, symlinkat(target, dir, path), "symlink", path));
}

CALL(mknod) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  mode_t mode = (mode_t)arg_int(&a, 2);
  dev_t device = (dev_t)arg_int64(&a, 3);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, mknodat(dir, path, mode, device), "mknod", path));
}
