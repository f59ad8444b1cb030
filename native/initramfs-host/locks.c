// Syscalls (native/syscalls.ts): open-file-description locks and who holds them.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"

CALL(lock) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0), result;
  const char *kind = arg_text(&a, 1);
  bool wait = arg_bool(&a, 2);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  struct flock lock = {.l_whence = SEEK_SET};
  lock.l_type = strcmp(kind, "shared") == 0 ? F_RDLCK : strcmp(kind, "exclusive") == 0 ? F_WRLCK : F_UNLCK;
  RETRY(result, fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock));
  if (result == -1 && (errno == EAGAIN || errno == EACCES)) return finish(&a, JS_FALSE);
  return finish(&a, result == -1 ? throw_errno(c, errno, "lock", NULL) : JS_TRUE);
}

static bool holds_lock(const char *fdinfo, const char *inode) {
  FILE *file = fopen(fdinfo, "re");
  if (!file) return false;
  char line[512];
  bool found = false;
  while (!found && fgets(line, sizeof line, file)) found = strncmp(line, "lock:", 5) == 0 && strstr(line, inode);
  fclose(file);
  return found;
}

static bool process_holds_lock(int pid, const char *inode) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fdinfo", pid);
  DIR *stream = opendir(path);
  if (!stream) return false;
  bool found = false;
  const struct dirent *entry;
  while (!found && (entry = readdir(stream))) {
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, atoi(entry->d_name));
    found = entry->d_name[0] != '.' && holds_lock(path, inode);
  }
  closedir(stream);
  return found;
}

// OFD locks carry no process id, so /proc/PID/fdinfo is asked which process has this file open with a lock.
CALL(lockHolder) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0), holder = 0;
  struct stat st;
  if (a.failed) return JS_EXCEPTION;
  if (fstat(fd, &st) == -1) return throw_errno(c, errno, "fstat", NULL);
  char inode[32];
  snprintf(inode, sizeof inode, ":%llu ", (unsigned long long)st.st_ino);
  DIR *stream = opendir("/proc");
  const struct dirent *entry;
  while (stream && holder == 0 && (entry = readdir(stream))) {
    int pid = atoi(entry->d_name);
    if (pid > 0 && pid != getpid() && process_holds_lock(pid, inode)) holder = pid;
  }
  if (stream) closedir(stream);
  return holder == 0 ? JS_NULL : JS_NewInt32(c, holder);
}
