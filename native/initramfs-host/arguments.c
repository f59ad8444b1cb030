#include <string.h>

#include "host.h"

// The first failure counts; what is asked for after it is 0 or NULL, and `finish` throws.
static void refuse(struct arguments *a, int index, const char *wanted) {
  if (!a->failed) JS_ThrowTypeError(a->c, "argument %d %s", index, wanted);
  a->failed = true;
}

static JSValueConst value_at(struct arguments *a, int index) { return index < a->count ? a->values[index] : JS_UNDEFINED; }

int64_t arg_int64(struct arguments *a, int index) {
  int64_t number = 0;
  JSValueConst value = value_at(a, index);
  if (!JS_IsNumber(value)) refuse(a, index, "must be a number");
  else JS_ToInt64(a->c, &number, value);
  return number;
}

int arg_int(struct arguments *a, int index) { return (int)arg_int64(a, index); }

bool arg_bool(struct arguments *a, int index) {
  JSValueConst value = value_at(a, index);
  if (!JS_IsBool(value)) refuse(a, index, "must be a boolean");
  return JS_VALUE_GET_TAG(value) == JS_TAG_BOOL && JS_VALUE_GET_BOOL(value);
}

static const char *checked_text(struct arguments *a, int index, JSValueConst value) {
  if (!JS_IsString(value)) {
    refuse(a, index, "must be a string");
    return NULL;
  }
  size_t size;
  const char *text = text_bytes(a->c, &size, value);
  if (!text) a->failed = true;
  else if (strlen(text) != size) {
    refuse(a, index, "holds a NUL character");
    JS_FreeCString(a->c, text);
    text = NULL;
  }
  return text;
}

const char *arg_text(struct arguments *a, int index) {
  const char *text = checked_text(a, index, value_at(a, index));
  if (text) a->texts[a->text_count++] = text;
  return text;
}

const char *arg_optional_text(struct arguments *a, int index) {
  JSValueConst value = value_at(a, index);
  return JS_IsNull(value) || JS_IsUndefined(value) ? NULL : arg_text(a, index);
}

void arg_bytes(struct arguments *a, int index, const uint8_t **data, size_t *size) {
  *data = NULL;
  *size = 0;
  if (!a->failed && !view_bytes(a->c, value_at(a, index), data, size)) a->failed = true;
}

static int64_t length_of(struct arguments *a, JSValueConst list) {
  int64_t length = 0;
  JSValue value = JS_GetPropertyStr(a->c, list, "length");
  if (JS_IsException(value)) a->failed = true;
  else JS_ToInt64(a->c, &length, value);
  JS_FreeValue(a->c, value);
  return length;
}

char **arg_texts(struct arguments *a, int index) {
  JSValueConst list = value_at(a, index);
  if (!JS_IsArray(a->c, list)) refuse(a, index, "must be an array");
  int64_t length = a->failed ? 0 : length_of(a, list);
  char **texts = js_mallocz(a->c, ((size_t)length + 1) * sizeof *texts);
  if (!texts) a->failed = true;
  for (int64_t i = 0; i < length && !a->failed; i++) {
    JSValue value = JS_GetPropertyUint32(a->c, list, (uint32_t)i);
    texts[i] = (char *)checked_text(a, index, value);
    JS_FreeValue(a->c, value);
  }
  return texts;
}

void free_texts(JSContext *c, char **texts) {
  for (char **text = texts; text && *text; text++) JS_FreeCString(c, *text);
  js_free(c, texts);
}

JSValue finish(struct arguments *a, JSValue result) {
  while (a->text_count > 0) JS_FreeCString(a->c, a->texts[--a->text_count]);
  return a->failed ? JS_EXCEPTION : result;
}
