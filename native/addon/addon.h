// Shared by the files of the addon: error construction and argument access.
#pragma once
#include <napi.h>
#include <string>

namespace addon {

// Throws an Error with the fields of SyscallError (native/syscalls.ts): code (the errno's name), syscall, path.
[[noreturn]] void ThrowErrno(Napi::Env env, int error, const char *syscall, const std::string &path = "");

// "ENOENT" for 2, and so on; "E<number>" for an unknown one.
std::string ErrnoName(int error);

void InitFileCalls(Napi::Env env, Napi::Object exports);
void InitNameCalls(Napi::Env env, Napi::Object exports);
void InitAttributeCalls(Napi::Env env, Napi::Object exports);
void InitLockCalls(Napi::Env env, Napi::Object exports);
void InitProcessCalls(Napi::Env env, Napi::Object exports);
void InitMountCalls(Napi::Env env, Napi::Object exports);
void InitSha256(Napi::Env env, Napi::Object exports);
void InitBatch(Napi::Env env, Napi::Object exports);
void InitDecompress(Napi::Env env, Napi::Object exports);

}  // namespace addon
