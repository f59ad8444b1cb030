// Syscalls (native/syscalls.ts): namespaces, roots and the process itself.
#include <errno.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../run-program.h"
#include "calls.h"

#ifndef GRND_INSECURE
#define GRND_INSECURE 4
#endif

CALL(unshare) {
  ARGUMENTS(a);
  int flags = arg_int(&a, 0);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, unshare(flags), "unshare", NULL));
}

CALL(setns) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0), kind = arg_int(&a, 1);
  if (a.failed) return JS_EXCEPTION;
  if (unshare(CLONE_FS) == -1) return throw_errno(c, errno, "unshare", NULL);
  return checked(c, setns(fd, kind), "setns", NULL);
}

CALL(pivotRoot) {
  ARGUMENTS(a);
  const char *new_root = arg_text(&a, 0), *put_old = arg_text(&a, 1);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked(c, syscall(SYS_pivot_root, new_root, put_old), "pivot_root", new_root));
}

typedef int path_call(const char *path);

static JSValue on_path(struct arguments *a, path_call *call, const char *syscall) {
  const char *path = arg_text(a, 0);
  return finish(a, a->failed ? JS_EXCEPTION : checked(a->c, call(path), syscall, path));
}

CALL(chroot) {
  ARGUMENTS(a);
  return on_path(&a, chroot, "chroot");
}

CALL(chdir) {
  ARGUMENTS(a);
  return on_path(&a, chdir, "chdir");
}

CALL(fchdir) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, fchdir(fd), "fchdir", NULL));
}

CALL(exec) {
  ARGUMENTS(a);
  const char *path = arg_text(&a, 0);
  char **words = arg_texts(&a, 1), **environment = arg_texts(&a, 2);
  if (!a.failed) {
    execve(path, words, environment);
    throw_errno(c, errno, "execve", path);
  }
  free_texts(c, words);
  free_texts(c, environment);
  return finish(&a, JS_EXCEPTION);
}

static JSValue exit_value(struct arguments *a, const char *program, int code, int error) {
  if (a->failed || code >= 0) return finish(a, JS_NewInt32(a->c, code));
  if (code == RAN_TOO_LONG) return finish(a, JS_NewString(a->c, "timeout"));
  return finish(a, error == ENOENT ? JS_NULL : throw_errno(a->c, error, "posix_spawn", program));
}

CALL(spawn) {
  ARGUMENTS(a);
  const char *program = arg_text(&a, 0);
  char **words = arg_texts(&a, 1), **environment = arg_texts(&a, 2);
  int code = a.failed ? -1 : run_program((struct program){program, words, environment}), error = errno;
  free_texts(c, words);
  free_texts(c, environment);
  return exit_value(&a, program, code, error);
}

CALL(spawnLimited) {
  ARGUMENTS(a);
  const char *program = arg_text(&a, 0);
  char **words = arg_texts(&a, 1), **environment = arg_texts(&a, 2);
  int output = arg_int(&a, 3), seconds = arg_int(&a, 4);
  struct program limited = {program, words, environment};
  int code = a.failed ? -1 : run_limited(limited, output, seconds), error = errno;
  free_texts(c, words);
  free_texts(c, environment);
  return exit_value(&a, program, code, error);
}

CALL(exit) {
  ARGUMENTS(a);
  int code = arg_int(&a, 0);
  if (!a.failed) _exit(code);
  return JS_EXCEPTION;
}

CALL(getpid) {
  (void)self, (void)argc, (void)argv;
  return JS_NewInt32(c, getpid());
}

CALL(geteuid) {
  (void)self, (void)argc, (void)argv;
  return JS_NewInt64(c, geteuid());
}

CALL(now) {
  (void)self, (void)argc, (void)argv;
  return JS_NewInt64(c, time(NULL));
}

CALL(randomHex) {
  ARGUMENTS(a);
  int64_t length = arg_int64(&a, 0);
  uint8_t bytes[256];
  if (a.failed) return JS_EXCEPTION;
  if (length < 0 || length > (int64_t)sizeof bytes) return JS_ThrowRangeError(c, "at most 256 random bytes");
  // For names, not for keys: waiting until the kernel has collected enough holds up the boot, for a second where the
  // processor has no generator.
  ssize_t got = getrandom(bytes, (size_t)length, GRND_INSECURE);
  if (got < 0 && errno == EINVAL) got = getrandom(bytes, (size_t)length, 0);  // Linux before 5.6
  if (got != length) return throw_errno(c, errno, "getrandom", NULL);
  return new_hex(c, bytes, (size_t)length);
}
