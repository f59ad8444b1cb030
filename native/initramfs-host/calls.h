// For the files that implement Syscalls. A call is `call_NAME`, after its name in native/syscalls.ts.
#pragma once
#include "host.h"

// bytes.c: lower-case, two characters a byte.
JSValue new_hex(JSContext *c, const uint8_t *bytes, size_t size);
