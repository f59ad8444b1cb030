// Syscalls (native/syscalls.ts): open-file-description locks and who holds them.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "syscalls.h"

namespace addon {
namespace {

struct flock WholeFile(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

Napi::Value Lock(Info info) {
  std::string kind = Text(info, 1);
  struct flock lock = WholeFile(kind == "shared" ? F_RDLCK : kind == "exclusive" ? F_WRLCK : F_UNLCK);
  int fd = Int(info, 0), command = Bool(info, 2) ? F_OFD_SETLKW : F_OFD_SETLK;
  int result = Retry([&] { return fcntl(fd, command, &lock); });
  if (result == -1 && (errno == EAGAIN || errno == EACCES)) return Napi::Boolean::New(info.Env(), false);
  Check(info, result, "lock");
  return Napi::Boolean::New(info.Env(), true);
}

// OFD locks carry no process id, so /proc/PID/fdinfo is asked which process has this file open with a lock.
bool HoldsLock(const std::string &fdinfo, const std::string &inode) {
  FILE *file = fopen(fdinfo.c_str(), "re");
  if (!file) return false;
  char line[512];
  bool found = false;
  while (!found && fgets(line, sizeof line, file))
    found = strncmp(line, "lock:", 5) == 0 && strstr(line, inode.c_str()) != nullptr;
  fclose(file);
  return found;
}

std::vector<std::string> NamesIn(const std::string &directory) {
  std::vector<std::string> names;
  DIR *stream = opendir(directory.c_str());
  if (!stream) return names;
  while (const dirent *entry = readdir(stream))
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') names.emplace_back(entry->d_name);
  closedir(stream);
  return names;
}

Napi::Value LockHolder(Info info) {
  struct stat st;
  Check(info, fstat(Int(info, 0), &st), "fstat");
  std::string inode = ":" + std::to_string(st.st_ino) + " ";
  for (const std::string &pid : NamesIn("/proc")) {
    if (pid == std::to_string(getpid())) continue;
    std::string directory = "/proc/" + pid + "/fdinfo";
    for (const std::string &fd : NamesIn(directory))
      if (HoldsLock(directory + "/" + fd, inode)) return Napi::Number::New(info.Env(), std::stod(pid));
  }
  return info.Env().Null();
}

}  // namespace

void InitLockCalls(Napi::Env, Napi::Object exports) {
  Export(exports, "lock", Lock);
  Export(exports, "lockHolder", LockHolder);
}

}  // namespace addon
