// Syscalls (native/syscalls.ts): mounts, by the old call and the new ones, and what stands behind them.
#include <fcntl.h>
#include <linux/fsverity.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "syscalls.h"

namespace addon {
namespace {

// The text of argument `index`, or null where it is null.
class OptionalText {
 public:
  OptionalText(Info info, size_t index) : given_(!info[index].IsNull() && !info[index].IsUndefined()), text_(given_ ? Text(info, index) : "") {}
  const char *get() const { return given_ ? text_.c_str() : nullptr; }

 private:
  bool given_;
  std::string text_;
};

Napi::Value NewFd(Info info, int fd, const char *syscall, const std::string &path = "") {
  Check(info, fd, syscall, path);
  return Napi::Number::New(info.Env(), fd);
}

void Mount(Info info) {
  OptionalText source(info, 0), type(info, 2), data(info, 4);
  std::string target = Text(info, 1);
  Check(info, mount(source.get(), target.c_str(), type.get(), Int64(info, 3), data.get()), "mount", target);
}

void Umount(Info info) { Check(info, umount2(Text(info, 0).c_str(), Int(info, 1)), "umount", Text(info, 0)); }

Napi::Value Fsopen(Info info) { return NewFd(info, fsopen(Text(info, 0).c_str(), FSOPEN_CLOEXEC), "fsopen", Text(info, 0)); }

void Fsconfig(Info info) {
  std::string key = Text(info, 1);
  OptionalText value(info, 2);
  unsigned command = value.get() ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
  Check(info, fsconfig(Int(info, 0), command, key.c_str(), value.get(), 0), "fsconfig", key);
}

Napi::Value Fsmount(Info info) {
  int fs = Int(info, 0);
  Check(info, fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "fsconfig");
  return NewFd(info, fsmount(fs, FSMOUNT_CLOEXEC, Int(info, 1)), "fsmount");
}

Napi::Value OpenTree(Info info) {
  std::string path = Text(info, 1);
  return NewFd(info, open_tree(Int(info, 0), path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), "open_tree", path);
}

void MountSetattr(Info info) {
  mount_attr attributes{};
  attributes.attr_set = Int(info, 1);
  attributes.attr_clr = Int(info, 2);
  Check(info, mount_setattr(Int(info, 0), "", AT_EMPTY_PATH, &attributes, sizeof attributes), "mount_setattr");
}

void MoveMount(Info info) {
  std::string to = Text(info, 1);
  Check(info, move_mount(Int(info, 0), "", AT_FDCWD, to.c_str(), MOVE_MOUNT_F_EMPTY_PATH), "move_mount", to);
}

// An fd that is closed unless it is released.
class OwnFd {
 public:
  explicit OwnFd(int fd) : fd_(fd) {}
  OwnFd(const OwnFd &) = delete;
  OwnFd &operator=(const OwnFd &) = delete;
  ~OwnFd() {
    if (fd_ != -1) close(fd_);
  }
  int get() const { return fd_; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// Another process may take the free device first (EBUSY): the next one is asked for then.
Napi::Value AttachLoop(Info info) {
  OwnFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  Check(info, control.get(), "open", "/dev/loop-control");
  for (;;) {
    int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    Check(info, number, "LOOP_CTL_GET_FREE");
    std::string path = "/dev/loop" + std::to_string(number);
    OwnFd device(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    Check(info, device.get(), "open", path);
    loop_config config{};
    config.fd = Int(info, 0);
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    if (ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return Napi::Number::New(info.Env(), device.release());
    if (errno != EBUSY) ThrowErrno(info.Env(), errno, "LOOP_CONFIGURE", path);
  }
}

bool NoVerity() { return errno == ENODATA || errno == ENOTTY || errno == EOPNOTSUPP; }

Napi::Value MeasureVerity(Info info) {
  constexpr size_t kLargestDigest = 64;
  union {
    fsverity_digest digest;
    uint8_t bytes[sizeof(fsverity_digest) + kLargestDigest];
  } measured{};
  measured.digest.digest_size = kLargestDigest;
  int result = ioctl(Int(info, 0), FS_IOC_MEASURE_VERITY, &measured);
  if (result == -1 && NoVerity()) return info.Env().Null();
  Check(info, result, "FS_IOC_MEASURE_VERITY");
  return NewBytes(info.Env(), measured.bytes + sizeof(fsverity_digest), measured.digest.digest_size);
}

Napi::Value EnableVerity(Info info) {
  constexpr uint32_t kBlockSize = 4096;
  fsverity_enable_arg arg{};
  arg.version = 1;
  arg.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
  arg.block_size = kBlockSize;
  long result = Retry([&] { return ioctl(Int(info, 0), FS_IOC_ENABLE_VERITY, &arg); });
  if (result == -1 && (errno == ENOTTY || errno == EOPNOTSUPP)) return Napi::Boolean::New(info.Env(), false);
  if (result == -1 && errno != EEXIST) ThrowErrno(info.Env(), errno, "FS_IOC_ENABLE_VERITY");
  return Napi::Boolean::New(info.Env(), true);
}

Napi::Value SendDatagram(Info info) {
  std::string path = Text(info, 0), data = Text(info, 1);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) ThrowErrno(info.Env(), ENAMETOOLONG, "sendto", path);
  path.copy(address.sun_path, path.size());
  OwnFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Check(info, socket.get(), "socket");
  long sent = Retry([&] {
    return sendto(socket.get(), data.data(), data.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr *>(&address), sizeof address);
  });
  if (sent == -1 && (errno == ENOENT || errno == ECONNREFUSED)) return Napi::Boolean::New(info.Env(), false);
  Check(info, sent, "sendto", path);
  return Napi::Boolean::New(info.Env(), true);
}

}  // namespace

void InitMountCalls(Napi::Env, Napi::Object exports) {
  Export(exports, "mount", Mount);
  Export(exports, "umount", Umount);
  Export(exports, "fsopen", Fsopen);
  Export(exports, "fsconfig", Fsconfig);
  Export(exports, "fsmount", Fsmount);
  Export(exports, "openTree", OpenTree);
  Export(exports, "mountSetattr", MountSetattr);
  Export(exports, "moveMount", MoveMount);
  Export(exports, "attachLoop", AttachLoop);
  Export(exports, "measureVerity", MeasureVerity);
  Export(exports, "enableVerity", EnableVerity);
  Export(exports, "sendDatagram", SendDatagram);
}

}  // namespace addon
