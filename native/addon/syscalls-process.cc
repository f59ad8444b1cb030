// Syscalls (native/syscalls.ts): namespaces and the process itself.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#include <vector>

#include "../run-program.h"
#include "syscalls.h"

namespace addon {
namespace {

void Unshare(Info info) { Check(info, unshare(Int(info, 0)), "unshare"); }

void Setns(Info info) {
  Check(info, unshare(CLONE_FS), "unshare");
  Check(info, setns(Int(info, 0), Int(info, 1)), "setns");
}

void PivotRoot(Info info) {
  Check(info, syscall(SYS_pivot_root, Text(info, 0).c_str(), Text(info, 1).c_str()), "pivot_root", Text(info, 0));
}

void Chroot(Info info) { Check(info, chroot(Text(info, 0).c_str()), "chroot", Text(info, 0)); }
void Chdir(Info info) { Check(info, chdir(Text(info, 0).c_str()), "chdir", Text(info, 0)); }
void Fchdir(Info info) { Check(info, fchdir(Int(info, 0)), "fchdir"); }

std::vector<std::string> TextList(Info info, size_t index) {
  std::vector<std::string> list;
  auto array = info[index].As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) list.push_back(Napi::Value(array[i]).As<Napi::String>());
  return list;
}

std::vector<char *> Pointers(std::vector<std::string> &list) {
  std::vector<char *> pointers;
  for (std::string &one : list) pointers.push_back(one.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Node closes the standard streams at exec and ignores SIGPIPE: the new program would inherit both.
void ForgetNode() {
  for (int fd = 0; fd <= 2; fd++) fcntl(fd, F_SETFD, 0);
  signal(SIGPIPE, SIG_DFL);
}

void Exec(Info info) {
  std::string path = Text(info, 0);
  auto argv = TextList(info, 1), environment = TextList(info, 2);
  ForgetNode();
  execve(path.c_str(), Pointers(argv).data(), Pointers(environment).data());
  ThrowErrno(info.Env(), errno, "execve", path);
}

Napi::Value Isatty(Info info) { return Napi::Boolean::New(info.Env(), isatty(Int(info, 0)) == 1); }

// null where there is no such program.
Napi::Value ExitCode(Info info, const std::string &program, int code) {
  if (code == RAN_TOO_LONG) return Napi::String::New(info.Env(), "timeout");
  if (code == -1 && errno == ENOENT) return info.Env().Null();
  if (code == -1) ThrowErrno(info.Env(), errno, "posix_spawn", program);
  return Napi::Number::New(info.Env(), code);
}

// Node ignores SIGPIPE and closes the standard streams at exec: run-program.h undoes both.
Napi::Value Spawn(Info info) {
  std::string program = Text(info, 0);
  auto argv = TextList(info, 1), environment = TextList(info, 2);
  int code = run_program({program.c_str(), Pointers(argv).data(), Pointers(environment).data()});
  return ExitCode(info, program, code);
}

Napi::Value SpawnLimited(Info info) {
  std::string program = Text(info, 0);
  auto argv = TextList(info, 1), environment = TextList(info, 2);
  int output = Int(info, 3), seconds = Int(info, 4);
  int code = run_limited({program.c_str(), Pointers(argv).data(), Pointers(environment).data()}, output, seconds);
  return ExitCode(info, program, code);
}

void Exit(Info info) { _exit(Int(info, 0)); }
Napi::Value Getpid(Info info) { return Napi::Number::New(info.Env(), getpid()); }
Napi::Value Geteuid(Info info) { return Napi::Number::New(info.Env(), geteuid()); }
Napi::Value Now(Info info) { return Napi::Number::New(info.Env(), static_cast<double>(time(nullptr))); }

Napi::Value RandomHex(Info info) {
  std::vector<uint8_t> bytes(Int(info, 0));
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) ThrowErrno(info.Env(), errno, "getrandom");
  static const char kHex[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return Napi::String::New(info.Env(), text);
}

}  // namespace

void InitProcessCalls(Napi::Env, Napi::Object exports) {
  Export(exports, "unshare", Unshare);
  Export(exports, "setns", Setns);
  Export(exports, "pivotRoot", PivotRoot);
  Export(exports, "chroot", Chroot);
  Export(exports, "chdir", Chdir);
  Export(exports, "fchdir", Fchdir);
  Export(exports, "exec", Exec);
  Export(exports, "spawn", Spawn);
  Export(exports, "spawnLimited", SpawnLimited);
  Export(exports, "exit", Exit);
  Export(exports, "isatty", Isatty);
  Export(exports, "getpid", Getpid);
  Export(exports, "geteuid", Geteuid);
  Export(exports, "now", Now);
  Export(exports, "randomHex", RandomHex);
}

}  // namespace addon
