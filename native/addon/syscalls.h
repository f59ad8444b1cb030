// Shared by the syscalls-*.cc files: error checks, and how a function becomes a property of the exports.
#pragma once
#include <cerrno>

#include "addon.h"
#include "arguments.h"

namespace addon {

using Info = const Napi::CallbackInfo &;

template <typename Call>
auto Retry(Call call) {
  decltype(call()) result;
  do result = call();
  while (result == -1 && errno == EINTR);
  return result;
}

inline void Check(Info info, long result, const char *syscall, const std::string &path = "") {
  if (result == -1) ThrowErrno(info.Env(), errno, syscall, path);
}

// The last call found nothing at that path.
inline bool Missing() { return errno == ENOENT || errno == ENOTDIR; }

template <typename Call>
void Export(Napi::Object exports, const char *name, Call call) {
  exports.Set(name, Napi::Function::New(exports.Env(), call, name));
}

}  // namespace addon
