// What the kernel defines (include/uapi/linux) and musl's headers lack.
#pragma once
#include <stdint.h>
#include <sys/ioctl.h>

// fs.h
#define FS_IOC_GETFLAGS _IOR('f', 1, long)
#define FS_IOC_SETFLAGS _IOW('f', 2, long)
#define FS_APPEND_FL 0x20
#define FS_IMMUTABLE_FL 0x10

// fsverity.h
struct fsverity_digest {
  uint16_t algorithm, size;
  uint8_t digest[64];
};
#define FS_IOC_MEASURE_VERITY _IOWR('f', 134, uint32_t)
struct fsverity_enable_arg {
  uint32_t version, hash_algorithm, block_size, salt_size;
  uint64_t salt_ptr;
  uint32_t sig_size, reserved1;
  uint64_t sig_ptr, reserved2[11];
};
#define FS_IOC_ENABLE_VERITY _IOW('f', 133, struct fsverity_enable_arg)
enum { FS_VERITY_HASH_ALG_SHA256 = 1 };

// loop.h
#define LOOP_CTL_GET_FREE 0x4c82
#define LOOP_CONFIGURE 0x4c0a
enum { LO_FLAGS_READ_ONLY = 1, LO_FLAGS_AUTOCLEAR = 4 };
struct loop_config {
  uint32_t fd, block_size;
  struct {
    uint64_t device, inode, rdevice, offset, sizelimit;
    uint32_t number, encrypt_type, encrypt_key_size, flags;
    uint8_t file_name[64], crypt_name[64], encrypt_key[32];
    uint64_t init[2];
  } info;
  uint64_t reserved[8];
};

// mount.h; the calls have the same numbers on all architectures.
enum {
  NR_OPEN_TREE = 428,
  NR_MOVE_MOUNT = 429,
  NR_FSOPEN = 430,
  NR_FSCONFIG = 431,
  NR_FSMOUNT = 432,
  NR_MOUNT_SETATTR = 442,
};
enum { FSOPEN_CLOEXEC = 1, FSMOUNT_CLOEXEC = 1, MOVE_MOUNT_F_EMPTY_PATH = 4, OPEN_TREE_CLONE = 1 };
enum { FSCONFIG_SET_FLAG = 0, FSCONFIG_SET_STRING = 1, FSCONFIG_CMD_CREATE = 6 };
struct mount_attr {
  uint64_t attr_set, attr_clr, propagation, userns_fd;
};
