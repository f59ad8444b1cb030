#include "batch.h"

#include <sys/xattr.h>

#include <algorithm>

#include "addon.h"
#include "arguments.h"

namespace addon {

void Rethrow(Napi::Env env, const Failure &failure) {
  if (failure.error != kChanged) ThrowErrno(env, failure.error, failure.call, failure.path);
  Napi::Error error = Napi::Error::New(env, failure.path + ": changed while it was read");
  error.Set("code", "ECHANGED");
  error.Set("syscall", failure.call);
  error.Set("path", failure.path);
  throw error;
}

std::string DigestPath(View digest, View suffix) {
  static const char kHex[] = "0123456789abcdef";
  std::string path;
  path.reserve(65 + suffix.size());
  for (size_t i = 0; i < digest.size(); i++) {
    auto byte = static_cast<unsigned char>(digest[i]);
    path += kHex[byte >> 4];
    path += kHex[byte & 15];
    if (i == 0) path += '/';
  }
  return path.append(suffix);
}

namespace {

bool NoXattrs() { return errno == ENOTSUP || errno == ENOSYS; }

// `list` and `get` are flistxattr/fgetxattr of a file or llistxattr/lgetxattr of a path.
template <typename List, typename Get>
std::string PackXattrs(List list, Get get, View path) {
  char small[1024];
  ssize_t size = list(small, sizeof small);
  if (size == 0) return "";
  std::vector<char> names(small, small + std::max<ssize_t>(size, 0));
  while (size == -1 && errno == ERANGE) {
    names.resize(std::max<size_t>(names.size() * 2, 65536));
    size = list(names.data(), names.size());
  }
  if (size == -1 && NoXattrs()) return "";
  Must(size, "listxattr", path);
  std::vector<std::string> sorted;
  for (ssize_t at = 0; at < size; at += sorted.back().size() + 1) sorted.emplace_back(&names[at]);
  std::sort(sorted.begin(), sorted.end());
  Packer out;
  std::vector<char> value(65536);
  for (const std::string &name : sorted) {
    ssize_t length = get(name.c_str(), value.data(), value.size());
    if (length == -1 && errno == ENODATA) continue;  // gone between the two calls
    Must(length, "getxattr", path);
    // An attribute without a value is none to ostree: no checksum covers it.
    if (length == 0) continue;
    out.Bytes16(name);
    out.Bytes32(View(value.data(), length));
  }
  return out.data();
}

std::string BelowFd(int dir, const std::string &name) {
  return name[0] == '/' ? name : "/proc/self/fd/" + std::to_string(dir) + "/" + name;
}

}  // namespace

std::string FileXattrs(int fd, View path) {
  return PackXattrs([&](char *data, size_t size) { return flistxattr(fd, data, size); },
                    [&](const char *name, char *data, size_t size) { return fgetxattr(fd, name, data, size); }, path);
}

std::string PathXattrs(int dir, const std::string &name) {
  std::string path = BelowFd(dir, name);
  return PackXattrs([&](char *data, size_t size) { return llistxattr(path.c_str(), data, size); },
                    [&](const char *attribute, char *data, size_t size) { return lgetxattr(path.c_str(), attribute, data, size); }, name);
}

void SetFileXattrs(int fd, View packed, View path) {
  for (Unpacker in(packed); !in.AtEnd();) {
    std::string name(in.Bytes16());
    View value = in.Bytes32();
    Must(fsetxattr(fd, name.c_str(), value.data(), value.size(), 0), "setxattr", path);
  }
}

void SetPathXattrs(int dir, const std::string &name, View packed) {
  std::string path = BelowFd(dir, name);
  for (Unpacker in(packed); !in.AtEnd();) {
    std::string attribute(in.Bytes16());
    View value = in.Bytes32();
    Must(lsetxattr(path.c_str(), attribute.c_str(), value.data(), value.size(), 0), "setxattr", name);
  }
}

std::string ReadLink(int dir, const char *name, size_t size) {
  std::string target(std::max<size_t>(size + 1, 256), '\0');
  ssize_t length = readlinkat(dir, name, target.data(), target.size());
  Must(length, "readlink", name);
  target.resize(length);
  return target;
}

void WriteAll(int fd, const void *data, size_t size, View path) {
  auto *at = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t count = write(fd, at, size);
    if (count == -1 && errno == EINTR) continue;
    Must(count, "write", path);
    at += count;
    size -= count;
  }
}

size_t ReadFull(int fd, void *data, size_t size, View path) {
  size_t used = 0;
  while (used < size) {
    ssize_t count = read(fd, static_cast<char *>(data) + used, size - used);
    if (count == -1 && errno == EINTR) continue;
    Must(count, "read", path);
    if (count == 0) break;
    used += count;
  }
  return used;
}

namespace {

std::vector<std::string> Paths(View packed) {
  std::vector<std::string> paths;
  for (Unpacker in(packed); !in.AtEnd();) paths.emplace_back(in.Bytes16());
  return paths;
}

View ViewOf(const Napi::CallbackInfo &info, size_t index) {
  Bytes bytes = ByteView(info.Env(), info[index]);
  return View(reinterpret_cast<const char *>(bytes.data), bytes.size);
}

// Never replaces: who was first has the same content, and links to it may be in use.
void MoveOne(int from, int to, const std::string &path) {
  for (int attempt = 0; attempt < 2; attempt++) {
    if (renameat2(from, path.c_str(), to, path.c_str(), RENAME_NOREPLACE) == 0) return;
    if (errno == EEXIST) {
      Must(unlinkat(from, path.c_str(), 0), "unlink", path);
      return;
    }
    if (errno == EINVAL) {
      // A file system without RENAME_NOREPLACE.
      Must(renameat(from, path.c_str(), to, path.c_str()), "rename", path);
      return;
    }
    if (errno != ENOENT || attempt == 1) Fail("rename", path);
    std::string parent = path.substr(0, path.rfind('/'));
    if (mkdirat(to, parent.c_str(), 0775) == -1 && errno != EEXIST) Fail("mkdir", parent);
  }
}

}  // namespace

Napi::Value MoveFiles(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    int from = Int(info, 0), to = Int(info, 1);
    std::vector<std::string> paths = Paths(ViewOf(info, 2));
    ForAll(paths.size(), [&](size_t i) { MoveOne(from, to, paths[i]); });
    return info.Env().Undefined();
  });
}

Napi::Value UnlinkFiles(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    int dir = Int(info, 0);
    std::vector<std::string> paths = Paths(ViewOf(info, 1));
    ForAll(paths.size(), [&](size_t i) {
      if (unlinkat(dir, paths[i].c_str(), 0) == -1 && errno != ENOENT) Fail("unlink", paths[i]);
    });
    return info.Env().Undefined();
  });
}

void InitBatch(Napi::Env env, Napi::Object exports) {
  auto add = [&](const char *name, auto call) { exports.Set(name, Napi::Function::New(env, call, name)); };
  add("scanTree", ScanTree), add("readFiles", ReadFiles), add("hashFiles", HashFiles);
  add("storeFiles", StoreFiles), add("storeFilesAside", StoreFilesAside), add("populate", Populate), add("populateTree", PopulateTree);
  add("moveFiles", MoveFiles), add("unlinkFiles", UnlinkFiles), add("removeTreeFast", RemoveTreeFast);
  add("deflateRaw", DeflateRaw), add("inflateRaw", InflateRaw), add("indexDirtree", IndexDirtree);
}

}  // namespace addon
