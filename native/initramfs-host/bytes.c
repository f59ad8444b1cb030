// Uint8Array across the border.
#include "calls.h"

JSValue new_bytes(JSContext *c, const uint8_t *data, size_t size) {
  JSValue buffer = JS_NewArrayBufferCopy(c, data, size);
  if (JS_IsException(buffer)) return buffer;
  // The constructor reads offset and length whether they are counted or not.
  JSValueConst arguments[] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
  JSValue array = JS_NewTypedArray(c, 3, arguments, JS_TYPED_ARRAY_UINT8);
  JS_FreeValue(c, buffer);
  return array;
}

bool view_bytes(JSContext *c, JSValueConst value, const uint8_t **data, size_t *size) {
  size_t offset, length, element, whole;
  JSValue buffer = JS_GetTypedArrayBuffer(c, value, &offset, &length, &element);
  if (JS_IsException(buffer)) return false;
  uint8_t *memory = JS_GetArrayBuffer(c, &whole, buffer);
  // The array that was given keeps it.
  JS_FreeValue(c, buffer);
  if (element != 1 || (!memory && length > 0)) {
    JS_ThrowTypeError(c, "expected a Uint8Array");
    return false;
  }
  *data = memory + offset;
  *size = length;
  return true;
}

JSValue new_hex(JSContext *c, const uint8_t *bytes, size_t size) {
  static const char DIGITS[] = "0123456789abcdef";
  char *text = js_malloc(c, 2 * size + 1);
  if (!text) return JS_EXCEPTION;
  for (size_t i = 0; i < size; i++) {
    text[2 * i] = DIGITS[bytes[i] >> 4];
    text[2 * i + 1] = DIGITS[bytes[i] & 15];
  }
  JSValue string = JS_NewStringLen(c, text, 2 * size);
  js_free(c, text);
  return string;
}
