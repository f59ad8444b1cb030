// The system calls that change something, and as many that look, as in one boot of a plain deployment by the compact
// ostree-prepare-root, and nothing between them: no program that does this work can be faster.
//   same-calls SYSROOT, of the shape of test/root/synthetic-sysroot.ts
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define DEPLOYMENT "/ostree/deploy/os/deploy/aaaa.0"
#define NEW_ROOT "/sysroot.tmp"

enum { READ_SIZE = 4096 };
static char buffer[READ_SIZE];

static void fail(const char *what) {
  perror(what);
  _exit(1);
}

static const char *below(const char *root, const char *path) {
  static char joined[READ_SIZE];
  snprintf(joined, sizeof joined, "%s%s", root, path);
  return joined;
}

static void look(const char *root, const char *path) {
  struct stat stat;
  (void)lstat(below(root, path), &stat);
}

static void read_link(const char *root, const char *path) { (void)!readlink(below(root, path), buffer, READ_SIZE); }

static void read_file(const char *root, const char *path) {
  struct stat stat;
  int fd = open(below(root, path), O_RDONLY | O_CLOEXEC);
  if (fd == -1) return;
  (void)fstat(fd, &stat);
  while (read(fd, buffer, READ_SIZE) > 0) continue;
  close(fd);
}

static void change_mount(const char *from, const char *to, unsigned long flags) {
  if (mount(from, to, NULL, flags | MS_SILENT, NULL) == -1) fail(to);
}

static void follow_boot_link(const char *sysroot) {
  static const char *const places[] = {"", "/ostree", "/ostree/boot.1", "/ostree/boot.1.1", "/ostree/boot.1.1/os",
                                       "/ostree/boot.1.1/os/bbbb", "/ostree/boot.1.1/os/bbbb/0"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) look(sysroot, places[i]);
  read_link(sysroot, "/ostree/boot.1");
}

static void look_at_everything(const char *sysroot) {
  static const char *const places[] = {
      "/ostree/boot.1.1/os", "/ostree/boot.1.1",       "/ostree",           "/ostree/deploy",
      "/ostree/deploy/os",   "/ostree/deploy/os/deploy", DEPLOYMENT,        DEPLOYMENT "/usr/etc",
      DEPLOYMENT "/usr",     DEPLOYMENT "/sysroot",    DEPLOYMENT "/etc",   DEPLOYMENT "/.usr-ovl-work",
      DEPLOYMENT "/.usr-ovl-upper", "/ostree/deploy/os/var", DEPLOYMENT "/.usr-ovl-work",
  };
  static const char *const traces[] = {NEW_ROOT, "/run/ostree/.private/cfsroot-lower", "/run/ostree-booted",
                                       "/run/ostree/fallback", "/run/ostree/initramfs-mount-var", "/"};
  struct statfs statfs;
  for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) look("", traces[i]);
  read_link(sysroot, "");
  read_file("", "/proc/cmdline");
  read_file("", "/usr/lib/ostree/prepare-root.conf");
  read_file("", "/etc/ostree/prepare-root.conf");
  follow_boot_link(sysroot);
  follow_boot_link(sysroot);
  read_link(sysroot, "/ostree/boot.1.1/os/bbbb/0");
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) look(sysroot, places[i]);
  read_file(sysroot, "/ostree/repo/config");
  int fd = open(sysroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  (void)fstatfs(fd, &statfs);
  close(fd);
  read_file("", "/proc/self/environ");
}

static void write_file(const char *temporary, const char *path) {
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (write(fd, buffer, 136) != 136 || close(fd) == -1 || rename(temporary, path) == -1) fail(path);
}

static void make_root(const char *sysroot) {
  mkdir("/run/ostree", 0755);
  mkdir("/run/ostree/.private", 0);
  change_mount(NULL, "/", MS_REC | MS_PRIVATE);
  mkdir(NEW_ROOT, 0755);
  if (chdir(below(sysroot, DEPLOYMENT)) == -1) fail(DEPLOYMENT);
  change_mount(".", NEW_ROOT, MS_BIND);
  change_mount(NEW_ROOT "/usr", NEW_ROOT "/usr", MS_BIND);
  change_mount(NEW_ROOT "/usr", NEW_ROOT "/usr", MS_BIND | MS_REMOUNT | MS_RDONLY);
  change_mount(sysroot, NEW_ROOT "/sysroot", MS_BIND);
  if (umount2(sysroot, MNT_DETACH) == -1) fail(sysroot);
  if (chdir(NEW_ROOT "/sysroot" DEPLOYMENT) == -1) fail(NEW_ROOT);
  write_file("/run/ostree-booted.new", "/run/ostree-booted");
  change_mount(NEW_ROOT, sysroot, MS_MOVE);
  if (chdir(sysroot) == -1 || rmdir(NEW_ROOT) == -1) fail(NEW_ROOT);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  look_at_everything(argv[1]);
  for (int line = 0; line < 3; line++)
    if (write(STDOUT_FILENO, buffer, 57) == -1) fail("standard output");
  make_root(argv[1]);
  return 0;
}
