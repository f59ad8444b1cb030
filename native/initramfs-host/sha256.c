// Syscalls (native/syscalls.ts): sha256, over libsodium's.
#include "calls.h"
#include "crypto_hash_sha256.h"

static JSClassID sha256_class;

static void finalize(JSRuntime *runtime, JSValue object) { js_free_rt(runtime, JS_GetOpaque(object, sha256_class)); }

static const JSClassDef SHA256_CLASS = {"Sha256", .finalizer = finalize};

static JSValue update(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  crypto_hash_sha256_state *state = JS_GetOpaque2(c, self, sha256_class);
  const uint8_t *data;
  size_t size;
  if (!state || !view_bytes(c, argc > 0 ? argv[0] : JS_UNDEFINED, &data, &size)) return JS_EXCEPTION;
  crypto_hash_sha256_update(state, data, size);
  return JS_UNDEFINED;
}

static JSValue digest(JSContext *c, JSValueConst self, int argc, JSValueConst *argv) {
  (void)argc, (void)argv;
  crypto_hash_sha256_state *state = JS_GetOpaque2(c, self, sha256_class);
  uint8_t bytes[crypto_hash_sha256_BYTES];
  if (!state) return JS_EXCEPTION;
  crypto_hash_sha256_final(state, bytes);
  return new_hex(c, bytes, sizeof bytes);
}

static const JSCFunctionListEntry METHODS[] = {JS_CFUNC_DEF("update", 1, update), JS_CFUNC_DEF("digest", 0, digest)};

// At the first use.
static bool define_class(JSContext *c) {
  if (sha256_class != 0) return true;
  JS_NewClassID(&sha256_class);
  if (JS_NewClass(JS_GetRuntime(c), sha256_class, &SHA256_CLASS) < 0) return false;
  JSValue prototype = JS_NewObject(c);
  JS_SetPropertyFunctionList(c, prototype, METHODS, sizeof METHODS / sizeof *METHODS);
  JS_SetClassProto(c, sha256_class, prototype);
  return true;
}

CALL(sha256) {
  (void)self, (void)argc, (void)argv;
  JSValue object = define_class(c) ? JS_NewObjectClass(c, (int)sha256_class) : JS_EXCEPTION;
  if (JS_IsException(object)) return object;
  crypto_hash_sha256_state *state = js_malloc(c, sizeof *state);
  if (!state) {
    JS_FreeValue(c, object);
    return JS_EXCEPTION;
  }
  crypto_hash_sha256_init(state);
  JS_SetOpaque(object, state);
  return object;
}
