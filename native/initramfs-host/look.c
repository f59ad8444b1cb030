// Syscalls (native/syscalls.ts): looking at files, directories and file systems.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "calls.h"

static void set_number(JSContext *c, JSValue object, const char *key, int64_t number) {
  JS_SetPropertyStr(c, object, key, JS_NewInt64(c, number));
}

static const char *const STAT_KEYS[] = {"mode", "uid", "gid", "size", "dev", "ino", "nlink", "rdev", "mtime", "mtimeNsec"};
enum { STAT_KEY_COUNT = sizeof STAT_KEYS / sizeof *STAT_KEYS };

static JSValue stat_object(JSContext *c, const struct stat *st) {
  // Looked up once: files are what programs look at most.
  static JSAtom keys[STAT_KEY_COUNT];
  const int64_t numbers[STAT_KEY_COUNT] = {
      st->st_mode,           st->st_uid,           st->st_gid,           st->st_size,        (int64_t)st->st_dev,
      (int64_t)st->st_ino, (int64_t)st->st_nlink, (int64_t)st->st_rdev, st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
  };
  JSValue object = JS_NewObject(c);
  if (JS_IsException(object)) return object;
  for (int i = 0; i < STAT_KEY_COUNT; i++) {
    if (keys[i] == JS_ATOM_NULL) keys[i] = JS_NewAtom(c, STAT_KEYS[i]);
    JS_SetProperty(c, object, keys[i], JS_NewInt64(c, numbers[i]));
  }
  return object;
}

static JSValue stat_with(struct arguments *a, int flags, const char *syscall) {
  int dir = arg_int(a, 0);
  const char *path = arg_text(a, 1);
  struct stat st;
  if (a->failed) return finish(a, JS_EXCEPTION);
  if (fstatat(dir, path, &st, flags) == 0) return finish(a, stat_object(a->c, &st));
  return finish(a, is_missing() ? JS_NULL : throw_errno(a->c, errno, syscall, path));
}

CALL(stat) {
  ARGUMENTS(a);
  return stat_with(&a, 0, "stat");
}

CALL(lstat) {
  ARGUMENTS(a);
  return stat_with(&a, AT_SYMLINK_NOFOLLOW, "lstat");
}

CALL(fstat) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  struct stat st;
  if (a.failed) return JS_EXCEPTION;
  return fstat(fd, &st) == -1 ? throw_errno(c, errno, "fstat", NULL) : stat_object(c, &st);
}

CALL(statfs) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0), result;
  struct statfs st;
  if (a.failed) return JS_EXCEPTION;
  RETRY(result, fstatfs(fd, &st));
  if (result == -1) return throw_errno(c, errno, "fstatfs", NULL);
  JSValue object = JS_NewObject(c);
  if (JS_IsException(object)) return object;
  set_number(c, object, "type", (uint32_t)st.f_type);
  set_number(c, object, "bsize", (int64_t)st.f_bsize);
  set_number(c, object, "blocks", (int64_t)st.f_blocks);
  set_number(c, object, "bfree", (int64_t)st.f_bfree);
  set_number(c, object, "bavail", (int64_t)st.f_bavail);
  set_number(c, object, "flags", (int64_t)st.f_flags);
  return object;
}

CALL(readlink) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  char target[PATH_MAX + 1];
  if (a.failed) return finish(&a, JS_EXCEPTION);
  ssize_t size = readlinkat(dir, path, target, sizeof target);
  if (size >= 0) return finish(&a, new_text(c, target, (size_t)size));
  return finish(&a, is_missing() ? JS_NULL : throw_errno(c, errno, "readlink", path));
}

CALL(realpath) {
  ARGUMENTS(a);
  const char *path = arg_text(&a, 0);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  char resolved[PATH_MAX];
  bool found = realpath(path, resolved) != NULL;
  return finish(&a, found ? new_text(c, resolved, strlen(resolved)) : throw_errno(c, errno, "realpath", path));
}

struct entry {
  char *name;
  const char *kind;
};

struct listing {
  struct entry *entries;
  size_t count, capacity;
};

static const char *kind_name(int dir, const struct dirent *entry) {
  unsigned char type = entry->d_type;
  struct stat st;
  if (type == DT_UNKNOWN && fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) type = (st.st_mode & S_IFMT) >> 12;
  return type == DT_REG ? "file" : type == DT_DIR ? "directory" : type == DT_LNK ? "symlink" : "other";
}

// 0 or an errno.
static int add_entry(JSContext *c, struct listing *list, const char *name, const char *kind) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 16;
    struct entry *larger = js_realloc(c, list->entries, capacity * sizeof *larger);
    if (!larger) return ENOMEM;
    list->entries = larger;
    list->capacity = capacity;
  }
  char *copy = js_strdup(c, name);
  if (!copy) return ENOMEM;
  list->entries[list->count++] = (struct entry){copy, kind};
  return 0;
}

static int read_entries(JSContext *c, DIR *stream, struct listing *list) {
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(stream);
    if (!entry) return errno;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    int error = add_entry(c, list, entry->d_name, kind_name(dirfd(stream), entry));
    if (error) return error;
  }
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static JSValue entry_array(JSContext *c, const struct listing *list) {
  JSValue array = JS_NewArray(c);
  for (size_t i = 0; i < list->count && !JS_IsException(array); i++) {
    const struct entry *entry = &list->entries[i];
    JSValue object = JS_NewObject(c);
    JS_SetPropertyStr(c, object, "name", new_text(c, entry->name, strlen(entry->name)));
    JS_SetPropertyStr(c, object, "kind", JS_NewString(c, entry->kind));
    JS_SetPropertyInt64(c, array, (int64_t)i, object);
  }
  return array;
}

static void free_listing(JSContext *c, struct listing *list) {
  for (size_t i = 0; i < list->count; i++) js_free(c, list->entries[i].name);
  js_free(c, list->entries);
}

CALL(readdir) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = fd == -1 ? NULL : fdopendir(fd);
  if (!stream) {
    int error = errno;
    if (fd != -1) close(fd);
    return finish(&a, throw_errno(c, error, "opendir", path));
  }
  struct listing list = {0};
  int error = read_entries(c, stream, &list);
  closedir(stream);
  qsort(list.entries, list.count, sizeof *list.entries, by_name);
  JSValue result = error ? throw_errno(c, error, "readdir", path) : entry_array(c, &list);
  free_listing(c, &list);
  return finish(&a, result);
}
