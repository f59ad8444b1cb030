// For both hosts of Syscalls: runs a program to its end, or for so long and no longer.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RAN_TOO_LONG = -2, CALLERS_STREAMS = -1 };
enum { KEPT_START = 16 * 1024, KEPT_END = 48 * 1024 };

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

// What a program says, from a pipe: it is read all the time, so that nobody waits, and not all of it is kept.
struct output {
  int from, to;
  unsigned long long length;
  char end[KEPT_END];  // a ring of what comes after the start
};

static inline int write_whole(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written == -1 && errno == EINTR) continue;
    if (written <= 0) return -1;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}

static inline void keep(struct output *said, const char *bytes, size_t length) {
  size_t at = 0;
  if (said->length < KEPT_START) {
    at = (size_t)(KEPT_START - said->length) < length ? (size_t)(KEPT_START - said->length) : length;
    write_whole(said->to, bytes, at);
  }
  said->length += at;
  for (; at < length; at++) said->end[(said->length++ - KEPT_START) % KEPT_END] = bytes[at];
}

// Of what is in the pipe, at most so many bytes. The stream's end closes it.
static inline void take(struct output *said, int most) {
  char bytes[4096];
  while (most > 0 && said->from != -1) {
    ssize_t length = read(said->from, bytes, most < (int)sizeof bytes ? (size_t)most : sizeof bytes);
    if (length == -1 && errno == EINTR) continue;
    if (length == -1 && errno == EAGAIN) return;
    if (length <= 0) {
      close(said->from);
      said->from = -1;
      return;
    }
    keep(said, bytes, (size_t)length);
    most -= (int)length;
  }
}

// What is there now, and no more: somebody may be left who goes on writing.
static inline void take_last(struct output *said) {
  int there = 0;
  if (said->from != -1 && ioctl(said->from, FIONREAD, &there) == 0) take(said, there);
  if (said->from != -1) close(said->from);
  if (said->length <= KEPT_START) return;
  unsigned long long rest = said->length - KEPT_START;
  if (rest <= KEPT_END) {
    write_whole(said->to, said->end, (size_t)rest);
    return;
  }
  char note[80];
  int length = snprintf(note, sizeof note, "\n[cut: %llu bytes left out]\n", rest - KEPT_END);
  write_whole(said->to, note, (size_t)length);
  size_t first = (size_t)(rest % KEPT_END);
  write_whole(said->to, said->end + first, KEPT_END - first);
  write_whole(said->to, said->end, first);
}

// 1 ended, 0 it did not within that time, -1 with errno.
static inline int wait_for(pid_t child, int *status, double seconds, struct output *said) {
  double end = monotonic_seconds() + seconds;
  for (int pause = 1; ; pause = pause < 50 ? pause * 2 : 50) {
    pid_t ended = waitpid(child, status, WNOHANG);
    if (ended == child) return 1;
    if (ended == -1 && errno != EINTR) return -1;
    if (monotonic_seconds() >= end) return 0;
    struct pollfd some = {.fd = said->from, .events = POLLIN, .revents = 0};
    if (poll(&some, 1, pause) > 0) take(said, 64 * 1024);
  }
}

// As run_program, with what it says in `output`: all of it, or its start and its end. Or RAN_TOO_LONG: what it started
// then ends with it.
static inline int run_limited(struct program program, int output, double seconds) {
  pid_t child;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) == -1) return -1;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  int status = 0, error = start_program(&child, program, ends[1]);
  close(ends[1]);
  if (error) {
    close(ends[0]);
    errno = error;
    return -1;
  }
  struct output said;
  said.from = ends[0];
  said.to = output;
  said.length = 0;
  int ended = wait_for(child, &status, seconds, &said);
  if (ended == 0) {
    kill(-child, SIGTERM);
    wait_for(child, &status, 2, &said);
    kill(-child, SIGKILL);
    // Reaped already, or about to be.
    wait_for(child, &status, 2, &said);
  }
  error = errno;
  take_last(&said);
  errno = error;
  if (ended == 0) return RAN_TOO_LONG;
  return ended == -1 ? -1 : exit_code(status);
}
