// For both hosts of Syscalls: freezes a file system and thaws it, and sees to it that it does not stay frozen.
#pragma once
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// Of <linux/fs.h>, which musl comes without.
#ifndef FIFREEZE
#define FIFREEZE _IOWR('X', 119, int)
#define FITHAW _IOWR('X', 120, int)
#endif

enum freeze_end {
  FREEZE_REAL,          // freeze, thaw
  FREEZE_DIES_BETWEEN,  // to try out the watcher: freeze, then as if this process had died
  FREEZE_DIES_BEFORE,   // the same where nothing may be frozen
};

static inline enum freeze_end freeze_end_of(const char *word) {
  if (strcmp(word, "dies-between") == 0) return FREEZE_DIES_BETWEEN;
  return strcmp(word, "dies-before") == 0 ? FREEZE_DIES_BEFORE : FREEZE_REAL;
}

// The child. It holds nothing that a frozen file system could block, and makes system calls only: the process it was
// forked from may have threads. A word from the parent means that it thawed; an end without a word, that it is gone.
static inline void freeze_watch(int fd, int from_parent, int tells) {
  static const char kText[] = "fifreeze watchdog was run\n";
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  setsid();
  struct pollfd wait = {.fd = from_parent, .events = POLLIN, .revents = 0};
  char word;
  if (poll(&wait, 1, 30000) == 1 && read(from_parent, &word, 1) == 1) _exit(0);
  ioctl(fd, FITHAW, 0);
  if (tells && write(STDERR_FILENO, kText, sizeof kText - 1) == -1) _exit(1);
  _exit(0);
}

static inline const char *freeze_and_thaw(int fd, enum freeze_end end) {
  if (end == FREEZE_DIES_BEFORE) return NULL;
  if (ioctl(fd, FIFREEZE, 0) == -1) return "FIFREEZE";
  if (end == FREEZE_DIES_BETWEEN) return NULL;
  // EINVAL: the freezing alone took so long that the watcher has thawed.
  return ioctl(fd, FITHAW, 0) == -1 && errno != EINVAL ? "FITHAW" : NULL;
}

// NULL, or the name of the call that failed, with errno.
static inline const char *freeze_thaw_watched(int fd, enum freeze_end end) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) return "socketpair";
  pid_t watcher = fork();
  if (watcher == 0) {
    close(pair[1]);
    freeze_watch(fd, pair[0], end != FREEZE_REAL);
  }
  close(pair[0]);
  const char *failed = watcher == -1 ? "fork" : freeze_and_thaw(fd, end);
  int error = errno;
  // Where thawing failed the watcher tries again.
  int is_thawed = end == FREEZE_REAL && (failed == NULL || strcmp(failed, "FIFREEZE") == 0);
  if (is_thawed) send(pair[1], "", 1, MSG_NOSIGNAL);
  close(pair[1]);
  while (watcher != -1 && waitpid(watcher, NULL, 0) == -1 && errno == EINTR) continue;
  errno = error;
  return failed;
}
