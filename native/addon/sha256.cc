// The Sha256 object of native/syscalls.ts and `digest`, over the functions that Node's own
// OpenSSL exports (SHA extensions of the CPU included).
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "addon.h"
#include "arguments.h"

namespace addon {
namespace {

std::string Hex(const unsigned char *bytes, size_t size) {
  static const char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; i++) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

class Sha256 : public Napi::ObjectWrap<Sha256> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Sha256", {InstanceMethod("update", &Sha256::Update), InstanceMethod("digest", &Sha256::Digest)});
  }

  explicit Sha256(const Napi::CallbackInfo &info) : ObjectWrap(info) { SHA256_Init(&state_); }

 private:
  void Update(const Napi::CallbackInfo &info) {
    Bytes bytes = ByteView(info.Env(), info[0]);
    SHA256_Update(&state_, bytes.data, bytes.size);
  }

  Napi::Value Digest(const Napi::CallbackInfo &info) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &state_);
    return Napi::String::New(info.Env(), Hex(digest, sizeof digest));
  }

  SHA256_CTX state_;
};

// digest('sha256' or 'sha512', bytes): hexadecimal.
Napi::Value DigestHex(const Napi::CallbackInfo &info) {
  std::string algorithm = Text(info, 0);
  Bytes bytes = ByteView(info.Env(), info[1]);
  unsigned char digest[SHA512_DIGEST_LENGTH];
  bool isLong = algorithm == "sha512";
  if (!isLong && algorithm != "sha256") throw Napi::TypeError::New(info.Env(), "unknown algorithm " + algorithm);
  if (isLong) SHA512(bytes.data, bytes.size, digest);
  else SHA256(bytes.data, bytes.size, digest);
  return Napi::String::New(info.Env(), Hex(digest, isLong ? SHA512_DIGEST_LENGTH : SHA256_DIGEST_LENGTH));
}

}  // namespace

void InitSha256(Napi::Env env, Napi::Object exports) {
  auto constructor = Napi::Persistent(Sha256::Define(env));
  auto *kept = new Napi::FunctionReference(std::move(constructor));
  env.AddCleanupHook([kept] { delete kept; });
  exports.Set("digest", Napi::Function::New(env, DigestHex, "digest"));
  exports.Set("sha256", Napi::Function::New(env, [kept](const Napi::CallbackInfo &) -> Napi::Value { return kept->New({}); }, "sha256"));
}

}  // namespace addon
