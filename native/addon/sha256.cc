// The Sha256 object of native/syscalls.ts, over libcrypto's block functions (SHA extensions of the CPU included).
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "addon.h"
#include "arguments.h"

namespace addon {
namespace {

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
    static const char kHex[] = "0123456789abcdef";
    std::string text;
    for (unsigned char byte : digest) {
      text += kHex[byte >> 4];
      text += kHex[byte & 15];
    }
    return Napi::String::New(info.Env(), text);
  }

  SHA256_CTX state_;
};

}  // namespace

void InitSha256(Napi::Env env, Napi::Object exports) {
  auto constructor = Napi::Persistent(Sha256::Define(env));
  auto *kept = new Napi::FunctionReference(std::move(constructor));
  env.AddCleanupHook([kept] { delete kept; });
  exports.Set("sha256", Napi::Function::New(env, [kept](const Napi::CallbackInfo &) -> Napi::Value { return kept->New({}); }, "sha256"));
}

}  // namespace addon
