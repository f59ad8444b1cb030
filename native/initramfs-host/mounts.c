// Syscalls (native/syscalls.ts): mounts, by the old call and the new ones, and what stands behind them.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "calls.h"
#include "linux-api.h"

CALL(mount) {
  ARGUMENTS(a);
  const char *source = arg_optional_text(&a, 0), *target = arg_text(&a, 1), *type = arg_optional_text(&a, 2);
  unsigned long flags = (unsigned long)arg_int64(&a, 3);
  const char *data = arg_optional_text(&a, 4);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, mount(source, target, type, flags, data), "mount", target));
}

CALL(umount) {
  ARGUMENTS(a);
  const char *target = arg_text(&a, 0);
  int flags = arg_int(&a, 1);
  return finish(&a, a.failed ? JS_EXCEPTION : checked(c, umount2(target, flags), "umount", target));
}

CALL(fsopen) {
  ARGUMENTS(a);
  const char *type = arg_text(&a, 0);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  return finish(&a, checked_number(c, syscall(NR_FSOPEN, type, FSOPEN_CLOEXEC), "fsopen", type));
}

CALL(fsconfig) {
  ARGUMENTS(a);
  int fs = arg_int(&a, 0);
  const char *key = arg_text(&a, 1), *value = arg_optional_text(&a, 2);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
  return finish(&a, checked(c, syscall(NR_FSCONFIG, fs, command, key, value, 0), "fsconfig", key));
}

CALL(fsmount) {
  ARGUMENTS(a);
  int fs = arg_int(&a, 0), attributes = arg_int(&a, 1);
  if (a.failed) return JS_EXCEPTION;
  if (syscall(NR_FSCONFIG, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
    return throw_errno(c, errno, "fsconfig", NULL);
  return checked_number(c, syscall(NR_FSMOUNT, fs, FSMOUNT_CLOEXEC, attributes), "fsmount", NULL);
}

CALL(openTree) {
  ARGUMENTS(a);
  int dir = arg_int(&a, 0);
  const char *path = arg_text(&a, 1);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  long fd = syscall(NR_OPEN_TREE, dir, path, OPEN_TREE_CLONE | O_CLOEXEC);
  return finish(&a, checked_number(c, fd, "open_tree", path));
}

CALL(mountSetattr) {
  ARGUMENTS(a);
  int mount = arg_int(&a, 0);
  struct mount_attr attributes = {.attr_set = (uint64_t)arg_int64(&a, 1)};
  attributes.attr_clr = (uint64_t)arg_int64(&a, 2);
  if (a.failed) return JS_EXCEPTION;
  long result = syscall(NR_MOUNT_SETATTR, mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
  return checked(c, result, "mount_setattr", NULL);
}

CALL(moveMount) {
  ARGUMENTS(a);
  int mount = arg_int(&a, 0);
  const char *to = arg_text(&a, 1);
  if (a.failed) return finish(&a, JS_EXCEPTION);
  long result = syscall(NR_MOVE_MOUNT, mount, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH);
  return finish(&a, checked(c, result, "move_mount", to));
}

// The fd of the device, or -1 with errno and what failed on which path.
static int attach_free_loop(int control, int file, const char **syscall, char *path, size_t path_size) {
  *syscall = "LOOP_CTL_GET_FREE";
  int number = ioctl(control, LOOP_CTL_GET_FREE);
  if (number == -1) return -1;
  snprintf(path, path_size, "/dev/loop%d", number);
  *syscall = "open";
  int device = open(path, O_RDONLY | O_CLOEXEC);
  if (device == -1) return -1;
  struct loop_config config = {.fd = (uint32_t)file};
  config.info.flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  *syscall = "LOOP_CONFIGURE";
  if (ioctl(device, LOOP_CONFIGURE, &config) == 0) return device;
  int error = errno;
  close(device);
  errno = error;
  return -1;
}

CALL(attachLoop) {
  ARGUMENTS(a);
  int file = arg_int(&a, 0);
  if (a.failed) return JS_EXCEPTION;
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control == -1) return throw_errno(c, errno, "open", "/dev/loop-control");
  const char *failed;
  char path[32] = "";
  int device;
  // Another process may take the free device first: the next one is asked for then.
  do device = attach_free_loop(control, file, &failed, path, sizeof path);
  while (device == -1 && errno == EBUSY);
  int error = errno;
  close(control);
  return device == -1 ? throw_errno(c, error, failed, path) : JS_NewInt32(c, device);
}

CALL(measureVerity) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  if (a.failed) return JS_EXCEPTION;
  struct fsverity_digest measured = {.size = sizeof measured.digest};
  if (ioctl(fd, FS_IOC_MEASURE_VERITY, &measured) == 0) return new_bytes(c, measured.digest, measured.size);
  if (errno == ENODATA || errno == ENOTTY || errno == ENOTSUP) return JS_NULL;
  return throw_errno(c, errno, "FS_IOC_MEASURE_VERITY", NULL);
}

CALL(enableVerity) {
  ARGUMENTS(a);
  int fd = arg_int(&a, 0);
  if (a.failed) return JS_EXCEPTION;
  struct fsverity_enable_arg arg = {.version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = 4096};
  int result;
  RETRY(result, ioctl(fd, FS_IOC_ENABLE_VERITY, &arg));
  if (result == 0 || errno == EEXIST) return JS_TRUE;
  return errno == ENOTTY || errno == ENOTSUP ? JS_FALSE : throw_errno(c, errno, "FS_IOC_ENABLE_VERITY", NULL);
}

static JSValue send_to(JSContext *c, const char *path, const char *data) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return throw_errno(c, ENAMETOOLONG, "sendto", path);
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return throw_errno(c, errno, "socket", NULL);
  ssize_t sent;
  RETRY(sent, sendto(fd, data, strlen(data), MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof address));
  int error = errno;
  close(fd);
  if (sent >= 0) return JS_TRUE;
  return error == ENOENT || error == ECONNREFUSED ? JS_FALSE : throw_errno(c, error, "sendto", path);
}

CALL(sendDatagram) {
  ARGUMENTS(a);
  const char *path = arg_text(&a, 0), *data = arg_text(&a, 1);
  return finish(&a, a.failed ? JS_EXCEPTION : send_to(c, path, data));
}
