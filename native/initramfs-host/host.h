// The compact engine's host: the Syscalls of native/syscalls.ts over QuickJS, and the program that uses them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

// ---- program.c, which the build writes (scripts/compact/program.mjs): what one executable consists of.

// Bytecode of a list of modules.
struct module {
  const char *name;  // of the first: 'prepare-root/plan.ts'
  const uint8_t *bytecode;
  size_t size;
};
// What is read at the start: first the module that exports `run(name, argv, sys)`, then those that it leads to.
extern const struct module program_start;
// What is read when it is wanted, one by one.
extern const struct module program_modules[];
extern const size_t program_module_count;
// The calls that its modules use; the linker drops the others.
extern const JSCFunctionListEntry program_calls[];
extern const int program_call_count;
extern const JSMallocFunctions *const program_allocator;
// Adds what of the language its modules may use.
void program_add_intrinsics(JSContext *c);

// ---- arena.c: an allocator that never frees, for programs that end within milliseconds.

extern const JSMallocFunctions arena_functions;
// heap.c: malloc(3).
extern const JSMallocFunctions heap_functions;

// ---- text.c

// A string from the kernel's bytes: UTF-8; what is not becomes U+FFFD, as the WHATWG decoder and so Node do it.
JSValue new_text(JSContext *c, const char *bytes, size_t size);
// The UTF-8 of a string, half surrogate pairs as U+FFFD (as Node does it). NULL with an exception pending.
const char *text_bytes(JSContext *c, size_t *size, JSValueConst string);

// ---- bytes.c

JSValue new_bytes(JSContext *c, const uint8_t *data, size_t size);
// The memory of a Uint8Array; false with a TypeError pending for anything else.
bool view_bytes(JSContext *c, JSValueConst value, const uint8_t **data, size_t *size);

// ---- errno.c

const char *errno_name(int error);
const char *errno_text(int error);
// Throws a SyscallError. `path` may be NULL.
JSValue throw_errno(JSContext *c, int error, const char *syscall, const char *path);
// undefined, or for -1 the SyscallError of errno.
JSValue checked(JSContext *c, long result, const char *syscall, const char *path);
// A number, or for -1 the SyscallError of errno.
JSValue checked_number(JSContext *c, long result, const char *syscall, const char *path);
// The last call found nothing at that path.
bool is_missing(void);

// ---- arguments.c: what a call was given. The first argument that is not of its type is a TypeError, and `failed`.

struct arguments {
  JSContext *c;
  int count;
  JSValueConst *values;
  const char *texts[8];
  int text_count;
  bool failed;
};
int arg_int(struct arguments *a, int index);
int64_t arg_int64(struct arguments *a, int index);
bool arg_bool(struct arguments *a, int index);
// Without NUL: it would cut the text at the kernel's door. Lives until `finish`.
const char *arg_text(struct arguments *a, int index);
// As `arg_text`; NULL for null and undefined.
const char *arg_optional_text(struct arguments *a, int index);
void arg_bytes(struct arguments *a, int index, const uint8_t **data, size_t *size);
// A list of texts, NULL at its end; free with free_texts.
char **arg_texts(struct arguments *a, int index);
void free_texts(JSContext *c, char **texts);
// Gives back the texts. @returns the result, or the pending exception where `failed`
JSValue finish(struct arguments *a, JSValue result);

#define CALL(name) JSValue call_##name(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
#define ARGUMENTS(a) \
  struct arguments a = {.c = c, .count = argc, .values = argv}; \
  (void)self
// Repeats a system call that a signal interrupted.
#define RETRY(result, call) \
  do result = (call); \
  while (result == -1 && errno == EINTR)
