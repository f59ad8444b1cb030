// Syscalls (native/syscalls.ts): opening, reading and writing files.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"

static const struct {
  const char *name;
  int flag;
} OPEN_FLAGS[] = {
    {"read", O_RDONLY},   {"write", O_WRONLY},   {"read-write", O_RDWR}, {"directory", O_DIRECTORY},
    {"path", O_PATH},     {"create", O_CREAT},   {"exclusive", O_EXCL},  {"truncate", O_TRUNC},
    {"append", O_APPEND}, {"nofollow", O_NOFOLLOW}, {"tmpfile", O_TMPFILE},
};

static int open_flag(struct arguments *a, const char *name) {
  for (size_t i = 0; i < sizeof OPEN_FLAGS / sizeof *OPEN_FLAGS; i++)
    if (strcmp(OPEN_FLAGS[i].name, name) == 0) return OPEN_FLAGS[i].flag;
  JS_ThrowTypeError(a->c, "unknown open flag %s", name);
  a->failed = true;
  return 0;
}

static int open_flags(struct arguments *a, int index) {
  int flags = O_CLOEXEC | O_NOCTTY | O_LARGEFILE;
  char **names = arg_texts(a, index);
  for (char **name = names; !a->failed && *name; name++) flags |= open_flag(a, *name);
  free_texts(a->c, names);
  return flags;
}

CALL(open) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  int flags = open_flags(&a, 2);
  mode_t mode = argc > 3 && JS_IsNumber(argv[3]) ? (mode_t)arg_int(&a, 3) : 0666;
  if (a.failed) return finish(&a, JS_EXCEPTION);
  int fd;
  RETRY(fd, openat(dir, path, flags, mode));
  return finish(&a, checked_number(c, fd, "open", path));
}

CALL(close) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, close(fd), "close", NULL));
}

CALL(read) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  int64_t maximum = arg_int64(&a, 1);
  if (a.failed) return JS_EXCEPTION;
  if (maximum < 0 || maximum > INT_MAX) return JS_ThrowRangeError(c, "cannot read that many bytes at once");
  uint8_t *buffer = js_malloc(c, (size_t)maximum + 1);
  if (!buffer) return JS_EXCEPTION;
  ssize_t count;
  RETRY(count, read(fd, buffer, (size_t)maximum));
  JSValue result = count == -1 ? throw_errno(c, errno, "read", NULL) : new_bytes(c, buffer, (size_t)count);
  js_free(c, buffer);
  return result;
}

CALL(seek) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  int64_t offset = arg_int64(&a, 1);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, lseek(fd, offset, SEEK_SET), "lseek", NULL));
}

// 0, or -1 with errno.
static int write_all(int fd, const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t count;
    RETRY(count, write(fd, data, size));
    if (count == -1 && errno == EAGAIN) {
      // Somebody made the descriptor non-blocking (it may be shared with another process): wait for the reader.
      struct pollfd ready = {.fd = fd, .events = POLLOUT};
      RETRY(count, poll(&ready, 1, -1));
      if (count == -1) return -1;
      continue;
    }
    if (count == -1) return -1;
    data += count;
    size -= (size_t)count;
  }
  return 0;
}

CALL(write) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  if (a.failed) return JS_EXCEPTION;
  if (argc > 1 && JS_IsString(argv[1])) {
    size_t size;
    const char *text = text_bytes(c, &size, argv[1]);
    if (!text) return JS_EXCEPTION;
    JSValue result = checked(c, write_all(fd, (const uint8_t *)text, size), "write", NULL);
    JS_FreeCString(c, text);
    return result;
  }
  const uint8_t *data;
  size_t size;
  arg_bytes(&a, 1, &data, &size);
  return a.failed ? JS_EXCEPTION : checked(c, write_all(fd, data, size), "write", NULL);
}

struct content {
  uint8_t *data;
  size_t size;
};

// 0, or an errno; the content is to be freed in any case.
static int read_all(JSContext *c, int fd, size_t expected, struct content *content) {
  size_t capacity = expected + 1 < 4096 ? 4096 : expected + 1;
  content->data = js_malloc(c, capacity);
  while (content->data) {
    ssize_t count;
    RETRY(count, read(fd, content->data + content->size, capacity - content->size));
    if (count == -1) return errno;
    if (count == 0) return 0;
    content->size += (size_t)count;
    if (content->size < capacity) continue;
    uint8_t *larger = js_realloc(c, content->data, capacity *= 2);
    if (!larger) return ENOMEM;
    content->data = larger;
  }
  return ENOMEM;
}

static int slurp(JSContext *c, int fd, struct content *content) {
  struct stat st;
  if (fstat(fd, &st) == -1) return errno;
  // A fifo without a writer, or a device, would never end.
  if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return EINVAL;
  return st.st_size > INT_MAX / 2 ? EFBIG : read_all(c, fd, (size_t)st.st_size, content);
}

typedef JSValue as_value(JSContext *c, const struct content *content);

static JSValue as_bytes(JSContext *c, const struct content *content) { return new_bytes(c, content->data, content->size); }
static JSValue as_text(JSContext *c, const struct content *content) {
  return new_text(c, (const char *)content->data, content->size);
}

static JSValue read_whole(struct arguments *a, bool null_where_missing, as_value *convert) {
  JSContext *c = a->c;
  int dir = arg_int(a, 0);
  const char *path = arg_text(a, 1);
  if (a->failed) return finish(a, JS_EXCEPTION);
  int fd;
  RETRY(fd, openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_LARGEFILE));
  if (fd == -1)
    return finish(a, null_where_missing && is_missing() ? JS_NULL : throw_errno(c, errno, "open", path));
  struct content content = {0};
  int error = slurp(c, fd, &content);
  close(fd);
  JSValue result = error ? throw_errno(c, error, "read", path) : convert(c, &content);
  js_free(c, content.data);
  return finish(a, result);
}

CALL(readFile) {
  ARGUMENTS(a);
  return read_whole(&a, false, as_bytes);
}

CALL(readText) {
  ARGUMENTS(a);
  return read_whole(&a, true, as_text);
}
