// Syscalls (native/syscalls.ts): making, renaming and removing names.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "syscalls.h"
#include "remove-tree.h"

namespace addon {
namespace {

void Mkdir(Info info) { Check(info, mkdirat(Int(info, 0), Text(info, 1).c_str(), Int(info, 2)), "mkdir", Text(info, 1)); }
void Rmdir(Info info) { Check(info, unlinkat(Int(info, 0), Text(info, 1).c_str(), AT_REMOVEDIR), "rmdir", Text(info, 1)); }
void Unlink(Info info) { Check(info, unlinkat(Int(info, 0), Text(info, 1).c_str(), 0), "unlink", Text(info, 1)); }

void RemoveTreeCall(Info info) {
  std::string path = Text(info, 1);
  std::string failed;
  int error = RemoveTree(Int(info, 0), path, failed);
  if (error) ThrowErrno(info.Env(), error, "rm -rf", failed);
}

void Rename(Info info) {
  std::string from = Text(info, 1), to = Text(info, 3);
  Check(info, renameat(Int(info, 0), from.c_str(), Int(info, 2), to.c_str()), "rename", from + " -> " + to);
}

void Rename2(Info info) {
  std::string from = Text(info, 1), to = Text(info, 3), how = Text(info, 4);
  unsigned flags = how == "noreplace" ? RENAME_NOREPLACE : how == "exchange" ? RENAME_EXCHANGE : 0;
  if (!flags) throw Napi::TypeError::New(info.Env(), "rename2: how must be noreplace or exchange");
  Check(info, renameat2(Int(info, 0), from.c_str(), Int(info, 2), to.c_str(), flags), "renameat2", from + " -> " + to);
}

void Link(Info info) {
  std::string from = Text(info, 1), to = Text(info, 3);
  Check(info, linkat(Int(info, 0), from.c_str(), Int(info, 2), to.c_str(), 0), "link", from + " -> " + to);
}

// Through /proc: AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH.
void LinkFd(Info info) {
  std::string from = "/proc/self/fd/" + std::to_string(Int(info, 0)), to = Text(info, 2);
  Check(info, linkat(AT_FDCWD, from.c_str(), Int(info, 1), to.c_str(), AT_SYMLINK_FOLLOW), "link", to);
}

void Symlink(Info info) {
  Check(info, symlinkat(Text(info, 0).c_str(), Int(info, 1), Text(info, 2).c_str()), "symlink", Text(info, 2));
}

void Mknod(Info info) {
  Check(info, mknodat(Int(info, 0), Text(info, 1).c_str(), Int(info, 2), static_cast<dev_t>(Int64(info, 3))), "mknod", Text(info, 1));
}

}  // namespace

void InitNameCalls(Napi::Env, Napi::Object exports) {
  Export(exports, "mkdir", Mkdir);
  Export(exports, "rmdir", Rmdir);
  Export(exports, "unlink", Unlink);
  Export(exports, "removeTree", RemoveTreeCall);
  Export(exports, "rename", Rename);
  Export(exports, "rename2", Rename2);
  Export(exports, "link", Link);
  Export(exports, "linkFd", LinkFd);
  Export(exports, "symlink", Symlink);
  Export(exports, "mknod", Mknod);
}

}  // namespace addon
