// What a prepare-root program takes from start to end, in an initramfs that is as new each time:
//   time-boot RUNS PROGRAM[,ARGUMENT]... SYSROOT
// Runs the programs in turn, each with SYSROOT as last argument. Prints a line a run, 'INDEX NANOSECONDS KIBIBYTES'
// (wall time; peak resident set), for the program with that index.
#define _GNU_SOURCE
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WORDS = 16 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static long long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Mounts of its own: what one run mounts is gone with its namespace.
static void enter_new_initramfs(void) {
  if (unshare(CLONE_NEWNS) == -1) fail("unshare");
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1) fail("private");
  if (mount("run", "/run", "tmpfs", 0, "mode=755") == -1) fail("/run");
  if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == -1) fail("shared");
}

static void split(char *text, char **words, char *last) {
  int count = 0;
  for (char *word = strtok(text, ","); word && count < MOST_WORDS - 2; word = strtok(NULL, ",")) words[count++] = word;
  words[count++] = last;
  words[count] = NULL;
}

static void time_program(int index, char **words) {
  char *environment[] = {"PATH=/usr/sbin:/usr/bin", NULL};
  struct rusage usage;
  posix_spawn_file_actions_t quiet;
  pid_t child;
  int status;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", 1, 0);
  long long start = nanoseconds();
  if (posix_spawn(&child, words[0], &quiet, NULL, words, environment) != 0) fail(words[0]);
  if (wait4(child, &status, 0, &usage) != child) fail("wait4");
  long long end = nanoseconds();
  if (status != 0) {
    fprintf(stderr, "%s: wait status %d\n", words[0], status);
    exit(1);
  }
  printf("%d %lld %ld\n", index, end - start, usage.ru_maxrss);
}

static void run_once(int index, char *program, char *sysroot) {
  char *words[MOST_WORDS];
  int status;
  fflush(stdout);
  pid_t child = fork();
  if (child == -1) fail("fork");
  if (child == 0) {
    enter_new_initramfs();
    split(program, words, sysroot);
    time_program(index, words);
    exit(0);
  }
  if (waitpid(child, &status, 0) != child || status != 0) exit(1);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  for (int run = atoi(argv[1]); run > 0; run--)
    for (int i = 2; i < argc - 1; i++) run_once(i - 2, argv[i], argv[argc - 1]);
  return 0;
}
