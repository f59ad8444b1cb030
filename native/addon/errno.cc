#include <cerrno>
#include <cstring>

#include "addon.h"

namespace addon {

std::string ErrnoName(int error) {
  const char *name = strerrorname_np(error);
  return name ? name : "E" + std::to_string(error);
}

void ThrowErrno(Napi::Env env, int error, const char *syscall, const std::string &path) {
  std::string message = path.empty() ? std::string(syscall) + ": " : path + ": ";
  Napi::Error failure = Napi::Error::New(env, message + strerror(error));
  failure.Set("code", ErrnoName(error));
  failure.Set("syscall", syscall);
  if (!path.empty()) failure.Set("path", path);
  throw failure;
}

}  // namespace addon
