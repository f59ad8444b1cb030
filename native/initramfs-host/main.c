// The executable: loads the precompiled modules and calls run(name, argv, sys) of the entry module.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

// sysexits.h: an internal software error.
enum { EXIT_INTERNAL = 70 };

static void print(const char *text) {
  size_t size = strlen(text);
  while (size > 0) {
    ssize_t count;
    RETRY(count, write(STDERR_FILENO, text, size));
    if (count <= 0) return;
    text += count;
    size -= (size_t)count;
  }
}

// Process 1 may be started without a console; a file opened later must not become its standard output.
static void open_standard_streams(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    int opened = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (opened == -1) opened = memfd_create("null", MFD_CLOEXEC);
    if (opened == -1) return;
  }
}

// '#prepare-root/plan.ts' is 'prepare-root/plan.ts', whoever imports it; './plan.ts' is beside the importer.
static char *resolve_name(JSContext *c, const char *importer, const char *name, void *opaque) {
  (void)opaque;
  if (name[0] == '#') return js_strdup(c, name + 1);
  const char *slash = strrchr(importer, '/');
  if (strncmp(name, "./", 2) != 0 || !slash) return js_strdup(c, name);
  size_t folder = (size_t)(slash - importer) + 1;
  char *resolved = js_malloc(c, folder + strlen(name) - 1);
  if (resolved) {
    memcpy(resolved, importer, folder);
    strcpy(resolved + folder, name + 2);
  }
  return resolved;
}

// The first of the modules in a list that the compiler made (compile.c). The context holds all.
static JSModuleDef *read_modules(JSContext *c, const struct module *modules) {
  JSValue list = JS_ReadObject(c, modules->bytecode, modules->size, JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA);
  if (JS_IsException(list)) return NULL;
  // The list is not freed: the engine knows no end of a module.
  return JS_VALUE_GET_PTR(JS_GetPropertyUint32(c, list, 1));
}

static JSModuleDef *load_module(JSContext *c, const char *name, void *opaque) {
  (void)opaque;
  for (size_t i = 0; i < program_module_count; i++)
    if (strcmp(program_modules[i].name, name) == 0) return read_modules(c, &program_modules[i]);
  JS_ThrowReferenceError(c, "module '%s' is not in this program", name);
  return NULL;
}

// The exports of a module, after it and those that it imports were evaluated. NULL for one that could not be loaded.
static JSValue evaluate(JSContext *c, JSModuleDef *module) {
  if (!module) return JS_EXCEPTION;
  JSValue value = JS_DupValue(c, JS_MKPTR(JS_TAG_MODULE, module));
  if (JS_ResolveModule(c, value) < 0) return JS_EXCEPTION;
  JSValue done = JS_EvalFunction(c, value);
  JSContext *job;
  while (JS_ExecutePendingJob(JS_GetRuntime(c), &job) > 0) continue;
  if (JS_IsException(done)) return done;
  if (JS_PromiseState(c, done) == JS_PROMISE_REJECTED) return JS_Throw(c, JS_PromiseResult(c, done));
  return JS_GetModuleNamespace(c, module);
}

// loadDeferred(NAME): the exports of a module that is not read before they are wanted (scripts/compact/modules.mjs).
static JSValue load_deferred(JSContext *c, JSValueConst self, int argc, JSValueConst *argv, int magic, JSValue *loaded) {
  (void)self, (void)argc, (void)magic;
  JSValue known = JS_GetProperty(c, loaded[0], JS_ValueToAtom(c, argv[0]));
  if (!JS_IsUndefined(known)) return known;
  const char *name = JS_ToCString(c, argv[0]);
  JSValue exports = name ? evaluate(c, load_module(c, name, NULL)) : JS_EXCEPTION;
  if (!JS_IsException(exports)) JS_SetPropertyStr(c, loaded[0], name, JS_DupValue(c, exports));
  JS_FreeCString(c, name);
  return exports;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static JSValue run_program(JSContext *c, JSModuleDef *start, int argc, char **argv) {
  JSValue loaded = JS_NewObjectProto(c, JS_NULL);
  JS_SetPropertyStr(c, JS_GetGlobalObject(c), "loadDeferred", JS_NewCFunctionData(c, load_deferred, 1, 0, 1, &loaded));
  JSValue entry = evaluate(c, start);
  if (JS_IsException(entry)) return entry;
  JSValue run = JS_GetPropertyStr(c, entry, "run");
  const char *name = argc > 0 ? base_name(argv[0]) : "";
  JSValue words = JS_NewArray(c), sys = JS_NewObject(c);
  for (int i = 1; i < argc; i++) JS_SetPropertyInt64(c, words, i - 1, new_text(c, argv[i], strlen(argv[i])));
  JS_SetPropertyFunctionList(c, sys, program_calls, program_call_count);
  JSValue arguments[] = {new_text(c, name, strlen(name)), words, sys};
  return JS_Call(c, run, JS_UNDEFINED, 3, arguments);
}

// 'error: internal: MESSAGE' and where in the TypeScript it happened.
static int report_exception(JSContext *c) {
  JSValue error = JS_GetException(c);
  const char *message = JS_ToCString(c, error);
  JSValue stack = JS_IsObject(error) ? JS_GetPropertyStr(c, error, "stack") : JS_UNDEFINED;
  const char *where = JS_IsString(stack) ? JS_ToCString(c, stack) : "";
  print("error: internal: ");
  print(message ? message : "out of memory");
  print("\n");
  print(where ? where : "");
  return EXIT_INTERNAL;
}

int main(int argc, char **argv) {
  open_standard_streams();
  JSRuntime *runtime = JS_NewRuntime2(program_allocator, NULL);
  JSContext *c = runtime ? JS_NewContextRaw(runtime) : NULL;
  if (!c) {
    print("error: internal: out of memory\n");
    return EXIT_INTERNAL;
  }
  // Before anything else adds words: only when theirs get the numbers that the compiler gave them, the bytecode is
  // used where it lies.
  JSModuleDef *start = read_modules(c, &program_start);
  program_add_intrinsics(c);
  JS_SetModuleLoaderFunc(runtime, resolve_name, load_module, NULL);
  JSValue status = run_program(c, start, argc, argv);
  int32_t code = EXIT_INTERNAL;
  if (JS_IsException(status) || JS_ToInt32(c, &code, status) < 0) code = report_exception(c);
  // The process ends: nothing is freed.
  _exit(code);
}
