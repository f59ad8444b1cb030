// For both hosts of Syscalls: runs a program to its end, or for so long and no longer.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RAN_TOO_LONG = -2, CALLERS_STREAMS = -1 };

struct program {
  const char *name;  // looked up in the caller's PATH
  char *const *words;
  char *const *environment;
};

// dup2 onto itself: only so does a stream that is closed at exec stay open.
static inline void keep_streams(posix_spawn_file_actions_t *streams) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) != -1) posix_spawn_file_actions_adddup2(streams, fd, fd);
}

static inline void write_both_to(posix_spawn_file_actions_t *streams, int output) {
  posix_spawn_file_actions_addopen(streams, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(streams, output, 1);
  posix_spawn_file_actions_adddup2(streams, output, 2);
}

// With the caller's streams, or without input and with both outputs in `output`: then in a process group of its own.
// The caller may ignore SIGPIPE; the program does not. 0, or the error.
static inline int start_program(pid_t *child, struct program program, int output) {
  posix_spawn_file_actions_t streams;
  posix_spawnattr_t attributes;
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawn_file_actions_init(&streams);
  posix_spawnattr_init(&attributes);
  if (output == CALLERS_STREAMS) keep_streams(&streams);
  else write_both_to(&streams, output);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | (output == CALLERS_STREAMS ? 0 : POSIX_SPAWN_SETPGROUP));
  int error = posix_spawnp(child, program.name, &streams, &attributes, program.words, program.environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&streams);
  return error;
}

// The exit code, or 128 + N where signal N ended it.
static inline int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

// -1 with errno where it could not be started.
static inline int run_program(struct program program) {
  pid_t child, ended;
  int status = 0, error = start_program(&child, program, CALLERS_STREAMS);
  if (error) {
    errno = error;
    return -1;
  }
  do ended = waitpid(child, &status, 0);
  while (ended == -1 && errno == EINTR);
  return ended == -1 ? -1 : exit_code(status);
}

// Since some moment that no setting of the clock moves.
static inline double monotonic_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// 1 ended, 0 it did not within that time, -1 with errno.
static inline int wait_for(pid_t child, int *status, double seconds) {
  double end = monotonic_seconds() + seconds;
  for (long pause = 1; ; pause = pause < 50 ? pause * 2 : 50) {
    pid_t ended = waitpid(child, status, WNOHANG);
    if (ended == child) return 1;
    if (ended == -1 && errno != EINTR) return -1;
    if (monotonic_seconds() >= end) return 0;
    struct timespec some = {.tv_sec = 0, .tv_nsec = pause * 1000000};
    nanosleep(&some, NULL);
  }
}

// As run_program, or RAN_TOO_LONG: what it started then ends with it.
static inline int run_limited(struct program program, int output, double seconds) {
  pid_t child;
  int status = 0, error = start_program(&child, program, output);
  if (error) {
    errno = error;
    return -1;
  }
  int ended = wait_for(child, &status, seconds);
  if (ended == 0) {
    kill(-child, SIGTERM);
    wait_for(child, &status, 2);
    kill(-child, SIGKILL);
    // Reaped already, or about to be.
    wait_for(child, &status, 2);
    return RAN_TOO_LONG;
  }
  if (ended == -1) return -1;
  return exit_code(status);
}
