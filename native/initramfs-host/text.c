// Strings across the border. QuickJS's own decoder swallows valid characters after an invalid byte, and its encoder
// writes half surrogate pairs as bytes that are no UTF-8: both are done here as the WHATWG encoding standard says.
#include <string.h>

#include "host.h"

// The length of the valid sequence at `p`, or minus the length of the invalid part that one U+FFFD stands for.
static int sequence_length(const uint8_t *p, const uint8_t *end) {
  uint8_t lead = *p;
  if (lead < 0x80) return 1;
  int length = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  if (length == 0) return -1;
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (int i = 1; i < length; i++) {
    if (p + i == end || p[i] < low || p[i] > high) return -i;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

static const char REPLACEMENT[] = "\xef\xbf\xbd";

// The number of bytes with replacements; equal to `size` does not mean that there are none.
static size_t replace_invalid(const uint8_t *p, size_t size, char *out, bool *valid) {
  const uint8_t *end = p + size;
  size_t used = 0;
  *valid = true;
  while (p < end) {
    int length = sequence_length(p, end);
    const char *from = length > 0 ? (const char *)p : REPLACEMENT;
    size_t count = length > 0 ? (size_t)length : 3;
    if (out) memcpy(out + used, from, count);
    used += count;
    if (length < 0) *valid = false;
    p += length > 0 ? length : -length;
  }
  return used;
}

JSValue new_text(JSContext *c, const char *bytes, size_t size) {
  bool valid;
  size_t needed = replace_invalid((const uint8_t *)bytes, size, NULL, &valid);
  if (valid) return JS_NewStringLen(c, bytes, size);
  char *copy = js_malloc(c, needed);
  if (!copy) return JS_EXCEPTION;
  replace_invalid((const uint8_t *)bytes, size, copy, &valid);
  JSValue text = JS_NewStringLen(c, copy, needed);
  js_free(c, copy);
  return text;
}

const char *text_bytes(JSContext *c, size_t *size, JSValueConst string) {
  const char *bytes = JS_ToCStringLen(c, size, string);
  if (!bytes) return NULL;
  // Only a text with such bytes is written to: it is a copy then, not the string's own memory.
  for (size_t i = 0; i + 2 < *size; i++)
    if ((uint8_t)bytes[i] == 0xed && (uint8_t)bytes[i + 1] >= 0xa0) memcpy((char *)bytes + i, REPLACEMENT, 3);
  return bytes;
}
