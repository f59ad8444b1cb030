#include "addon.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  addon::InitFileCalls(env, exports);
  addon::InitNameCalls(env, exports);
  addon::InitAttributeCalls(env, exports);
  addon::InitLockCalls(env, exports);
  addon::InitProcessCalls(env, exports);
  addon::InitMountCalls(env, exports);
  addon::InitSha256(env, exports);
  addon::InitBatch(env, exports);
  addon::InitDecompress(env, exports);
  return exports;
}

NODE_API_MODULE(syscalls, Init)
