// Build time only: ES modules to bytecode, with line tables and without source.
//   compile NAME SOURCE OUTPUT [NAME SOURCE OUTPUT]…
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

static void compile(JSRuntime *runtime, char **job) {
  size_t source_size, size;
  char *source = read_source(job[1], &source_size);
  JSContext *c = JS_NewContext(runtime);
  JSValue module = JS_Eval(c, source, source_size, job[0], JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(module)) {
    JSValue error = JS_GetException(c);
    fprintf(stderr, "%s", JS_ToCString(c, JS_GetPropertyStr(c, error, "stack")));
    fail(JS_ToCString(c, error), job[0]);
  }
  uint8_t *bytes = JS_WriteObject(c, &size, module, JS_WRITE_OBJ_BYTECODE);
  if (!bytes) fail("no bytecode", job[0]);
  write_output(job[2], bytes, size);
  free(source);
}

int main(int argc, char **argv) {
  JSRuntime *runtime = JS_NewRuntime();
  JS_SetStripInfo(runtime, JS_STRIP_SOURCE);
  JS_SetModuleLoaderFunc(runtime, same_name, any_module, NULL);
  for (int i = 1; i + 2 < argc; i += 3) compile(runtime, argv + i);
  return 0;
}
