// Syscalls (native/syscalls.ts): extended attributes.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "calls.h"

enum { LARGEST_VALUE = 65536, LARGEST_LIST = 65536 };

// The l*xattr calls take no directory fd: the file is named below /proc/self/fd. Its last component is never followed.
struct xattr_file {
  const char *path;
  char name[PATH_MAX + 32];
};

static void arg_xattr_file(struct arguments *a, struct xattr_file *file) {
  int dir = arg_int(a, 0);
  file->path = arg_text(a, 1);
  if (a->failed) return;
  if (dir == AT_FDCWD || file->path[0] == '/') snprintf(file->name, sizeof file->name, "%s", file->path);
  else snprintf(file->name, sizeof file->name, "/proc/self/fd/%d/%s", dir, file->path);
}

static bool no_xattrs(void) { return errno == ENOTSUP || errno == ENOSYS; }

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static JSValue xattr_object(JSContext *c, const char *name, const uint8_t *value, size_t size) {
  JSValue object = JS_NewObject(c);
  JS_SetPropertyStr(c, object, "name", new_text(c, name, strlen(name)));
  JS_SetPropertyStr(c, object, "value", new_bytes(c, value, size));
  return object;
}

struct xattr_buffers {
  char list[LARGEST_LIST];
  uint8_t value[LARGEST_VALUE];
  char *names[LARGEST_LIST / 2];
};

static JSValue read_xattrs(JSContext *c, const struct xattr_file *file, struct xattr_buffers *buffers) {
  ssize_t size = llistxattr(file->name, buffers->list, sizeof buffers->list);
  if (size == -1 && no_xattrs()) size = 0;
  if (size == -1) return throw_errno(c, errno, "listxattr", file->path);
  size_t count = 0;
  for (char *name = buffers->list; name < buffers->list + size; name += strlen(name) + 1) buffers->names[count++] = name;
  qsort(buffers->names, count, sizeof *buffers->names, by_text);
  JSValue array = JS_NewArray(c);
  int64_t used = 0;
  for (size_t i = 0; i < count; i++) {
    ssize_t length = lgetxattr(file->name, buffers->names[i], buffers->value, sizeof buffers->value);
    if (length == -1 && errno == ENODATA) continue;  // gone between the two calls
    if (length == -1) {
      JS_FreeValue(c, array);
      return throw_errno(c, errno, "getxattr", file->path);
    }
    JS_SetPropertyInt64(c, array, used++, xattr_object(c, buffers->names[i], buffers->value, (size_t)length));
  }
  return array;
}

CALL(xattrs) {
  ARGUMENTS(a);
  struct xattr_file file;
  arg_xattr_file(&a, &file);
  struct xattr_buffers *buffers = a.failed ? NULL : js_malloc(c, sizeof *buffers);
  JSValue result = buffers ? read_xattrs(c, &file, buffers) : JS_EXCEPTION;
  js_free(c, buffers);
  return finish(&a, result);
}

CALL(setXattr) {
  ARGUMENTS(a);
  struct xattr_file file;
  arg_xattr_file(&a, &file);
  const char *name = arg_text(&a, 2);
  const uint8_t *data;
  size_t size;
  arg_bytes(&a, 3, &data, &size);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked(c, lsetxattr(file.name, name, data, size, 0), "setxattr", file.path));
}

CALL(removeXattr) {
  ARGUMENTS(a);
  struct xattr_file file;
  arg_xattr_file(&a, &file);
  const char *name = arg_text(&a, 2);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked(c, lremovexattr(file.name, name), "removexattr", file.path));
}

CALL(fgetXattr) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  const char *name = arg_text(&a, 1);
  uint8_t *value = a.failed ? NULL : js_malloc(c, LARGEST_VALUE);
  if (!value) return finish(&a, JS_EXCEPTION);
  ssize_t size = fgetxattr(fd, name, value, LARGEST_VALUE);
  JSValue result = size >= 0                              ? new_bytes(c, value, (size_t)size)
                   : errno == ENODATA || no_xattrs() ? JS_NULL
                                                          : throw_errno(c, errno, "fgetxattr", NULL);
  js_free(c, value);
  return finish(&a, result);
}

CALL(fsetXattr) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  const char *name = arg_text(&a, 1);
  const uint8_t *data;
  size_t size;
  arg_bytes(&a, 2, &data, &size);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, fsetxattr(fd, name, data, size, 0), "fsetxattr", NULL));
}
