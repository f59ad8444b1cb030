// For both hosts of Syscalls: runs a program that may take so long and no longer.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RAN_TOO_LONG = -2 };

static inline int start_in_group(pid_t *child, const char *program, char *const *words, char *const *environment, int output) {
  posix_spawn_file_actions_t streams;
  posix_spawnattr_t attributes;
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawn_file_actions_init(&streams);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&streams, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&streams, output, 1);
  posix_spawn_file_actions_adddup2(&streams, output, 2);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  int error = posix_spawnp(child, program, &streams, &attributes, words, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&streams);
  return error;
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

// The exit code, 128 + N where signal N ended it, RAN_TOO_LONG, or -1 with errno. What it started ends with it where it
// took too long.
static inline int run_limited(const char *program, char *const *words, char *const *environment, int output, double seconds) {
  pid_t child;
  int status = 0, error = start_in_group(&child, program, words, environment, output);
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
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
