// Syscalls (native/syscalls.ts): verifyEd25519, over libsodium's, which takes only the canonical form of a signature.
#include "calls.h"
#include "crypto_sign_ed25519.h"

CALL(verifyEd25519) {
  ARGUMENTS(a);
  const uint8_t *key, *message, *signature;
  size_t key_size, message_size, signature_size;
  arg_bytes(&a, 0, &key, &key_size);
  arg_bytes(&a, 1, &message, &message_size);
  arg_bytes(&a, 2, &signature, &signature_size);
  if (a.failed) return JS_EXCEPTION;
  if (key_size != crypto_sign_ed25519_PUBLICKEYBYTES || signature_size != crypto_sign_ed25519_BYTES) return JS_FALSE;
  return JS_NewBool(c, crypto_sign_ed25519_verify_detached(signature, message, message_size, key) == 0);
}
