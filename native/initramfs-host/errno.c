// Errors of the kernel as errors of the program.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host.h"

// Those that calls on files, mounts, sockets and processes give.
#define NAMES(E) \
  E(EPERM) E(ENOENT) E(ESRCH) E(EINTR) E(EIO) E(ENXIO) E(E2BIG) E(ENOEXEC) E(EBADF) E(ECHILD) E(EAGAIN) E(ENOMEM) \
  E(EACCES) E(EFAULT) E(ENOTBLK) E(EBUSY) E(EEXIST) E(EXDEV) E(ENODEV) E(ENOTDIR) E(EISDIR) E(EINVAL) E(ENFILE) \
  E(EMFILE) E(ENOTTY) E(ETXTBSY) E(EFBIG) E(ENOSPC) E(ESPIPE) E(EROFS) E(EMLINK) E(EPIPE) E(ERANGE) E(EDEADLK) \
  E(ENAMETOOLONG) E(ENOLCK) E(ENOSYS) E(ENOTEMPTY) E(ELOOP) E(ENODATA) E(EPROTO) E(EBADMSG) E(EOVERFLOW) E(EILSEQ) \
  E(EUSERS) E(ENOTSOCK) E(EMSGSIZE) E(EOPNOTSUPP) E(EAFNOSUPPORT) E(ENOBUFS) E(ENOTCONN) E(ECONNREFUSED) E(ESTALE) \
  E(EUCLEAN) E(EREMOTEIO) E(EDQUOT) E(ENOMEDIUM) E(EMEDIUMTYPE) E(ENOKEY) E(EKEYREJECTED)

const char *errno_name(int error) {
  static char unknown[16];
  switch (error) {
#define E(name) \
  case name: return #name;
    NAMES(E)
#undef E
  }
  snprintf(unknown, sizeof unknown, "E%d", error);
  return unknown;
}

// People know the words of glibc, and the records of other programs' messages have them.
const char *errno_text(int error) {
  switch (error) {
    case EIO: return "Input/output error";
    case ENOMEM: return "Cannot allocate memory";
    case EBUSY: return "Device or resource busy";
    case EXDEV: return "Invalid cross-device link";
    case EMFILE: return "Too many open files";
    case ENOTTY: return "Inappropriate ioctl for device";
    case ESPIPE: return "Illegal seek";
    case ERANGE: return "Numerical result out of range";
    case EDEADLK: return "Resource deadlock avoided";
    case ENAMETOOLONG: return "File name too long";
    case ELOOP: return "Too many levels of symbolic links";
    case EOVERFLOW: return "Value too large for defined data type";
    case EUSERS: return "Too many users";
    case EMSGSIZE: return "Message too long";
    case ENOTSUP: return "Operation not supported";
    case EUCLEAN: return "Structure needs cleaning";
    case EDQUOT: return "Disk quota exceeded";
    default: return strerror(error);
  }
}

static void set_text(JSContext *c, JSValue object, const char *key, const char *text) {
  JS_DefinePropertyValueStr(c, object, key, new_text(c, text, strlen(text)), JS_PROP_C_W_E);
}

// '<path or call>: <why>'
static JSValue message_of(JSContext *c, const char *what, const char *why) {
  size_t size = strlen(what) + 2 + strlen(why);
  char *message = js_malloc(c, size + 1);
  if (!message) return JS_EXCEPTION;
  snprintf(message, size + 1, "%s: %s", what, why);
  JSValue text = new_text(c, message, size);
  js_free(c, message);
  return text;
}

JSValue throw_errno(JSContext *c, int error, const char *syscall, const char *path) {
  bool has_path = path && *path;
  JSValue message = message_of(c, has_path ? path : syscall, errno_text(error));
  JSValue failure = JS_IsException(message) ? JS_EXCEPTION : JS_NewError(c);
  if (JS_IsException(failure)) return failure;
  JS_DefinePropertyValueStr(c, failure, "message", message, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
  set_text(c, failure, "code", errno_name(error));
  set_text(c, failure, "syscall", syscall);
  if (has_path) set_text(c, failure, "path", path);
  return JS_Throw(c, failure);
}

JSValue checked(JSContext *c, long result, const char *syscall, const char *path) {
  return result == -1 ? throw_errno(c, errno, syscall, path) : JS_UNDEFINED;
}

JSValue checked_number(JSContext *c, long result, const char *syscall, const char *path) {
  return result == -1 ? throw_errno(c, errno, syscall, path) : JS_NewInt64(c, result);
}

bool is_missing(void) { return errno == ENOENT || errno == ENOTDIR; }
