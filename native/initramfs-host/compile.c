// Build time only: ES modules to bytecode, with line tables and without source.
//   compile OUTPUT COUNT NAME SOURCE [NAME SOURCE]… [OUTPUT COUNT NAME SOURCE…]…
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

static void fail(const char *what, const char *on) {
  fprintf(stderr, "error: compile: %s: %s\n", what, on);
  exit(1);
}

static char *read_source(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail("cannot open", path);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *source = malloc(*size + 1);
  if (!source || fread(source, 1, *size, file) != *size) fail("cannot read", path);
  source[*size] = 0;
  fclose(file);
  return source;
}

static void write_output(const char *path, const uint8_t *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) fail("cannot write", path);
}

// What a module imports is compiled by itself; here any name will do.
static int no_exports(JSContext *c, JSModuleDef *module) {
  (void)c, (void)module;
  return 0;
}

static char *same_name(JSContext *c, const char *importer, const char *name, void *opaque) {
  (void)importer, (void)opaque;
  return js_strdup(c, name);
}

static JSModuleDef *any_module(JSContext *c, const char *name, void *opaque) {
  (void)opaque;
  return JS_NewCModule(c, name, no_exports);
}

static JSValue compile(JSContext *c, char *name, char *path) {
  size_t size;
  char *source = read_source(path, &size);
  JSValue module = JS_Eval(c, source, size, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(module)) {
    JSValue error = JS_GetException(c);
    fprintf(stderr, "%s", JS_ToCString(c, JS_GetPropertyStr(c, error, "stack")));
    fail(JS_ToCString(c, error), name);
  }
  free(source);
  return module;
}

// Words are numbered in the order in which they are met. The engine adds this one when it starts: with it as the first,
// the numbers are those that the words get in the program, and bytecode is used where it lies instead of copied.
static const char ENGINE_WORD[] = "AggregateError";

// A list: an object for the first word, then the modules. Together they name each word once. Nothing is freed, the engine
// cannot free a list of modules.
static void compile_together(char *output, int count, char **names_and_sources) {
  JSRuntime *runtime = JS_NewRuntime();
  JS_SetStripInfo(runtime, JS_STRIP_SOURCE);
  JS_SetModuleLoaderFunc(runtime, same_name, any_module, NULL);
  JSContext *list_context = JS_NewContext(runtime);
  JSValue list = JS_NewArray(list_context), words = JS_NewObject(list_context);
  size_t size;
  JS_SetPropertyStr(list_context, words, ENGINE_WORD, JS_NULL);
  JS_SetPropertyUint32(list_context, list, 0, words);
  for (int i = 0; i < count; i++) {
    char **job = names_and_sources + 2 * i;
    // Of its own: what another one has declared must not be found.
    JSValue module = compile(JS_NewContext(runtime), job[0], job[1]);
    JS_SetPropertyUint32(list_context, list, (uint32_t)i + 1, module);
  }
  uint8_t *bytes = JS_WriteObject(list_context, &size, list, JS_WRITE_OBJ_BYTECODE);
  if (!bytes) fail("no bytecode", output);
  write_output(output, bytes, size);
}

int main(int argc, char **argv) {
  for (int i = 1; i + 1 < argc;) {
    int count = atoi(argv[i + 1]);
    if (count < 1 || i + 2 + 2 * count > argc) fail("fewer modules than announced", argv[i]);
    compile_together(argv[i], count, argv + i + 2);
    i += 2 + 2 * count;
  }
  return 0;
}
