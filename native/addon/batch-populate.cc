// populate: a tree of directories, links, copies and symlinks from one packed plan, and populateTree: the same from
// dirtree objects, which the threads read as they go. A directory is filled by one thread.
#include <dirent.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

#include <map>
#include <memory>

#include "addon.h"
#include "arguments.h"
#include "batch.h"
#include "copy-content.h"
#include "remove-tree.h"
#include "stored-tree.h"

namespace addon {
namespace {

using SharedFd = std::shared_ptr<OwnedFd>;

constexpr uint32_t kTop = UINT32_MAX;
// No path could reach a tree nested deeper.
constexpr unsigned kMaxDepth = 2048;
constexpr View kWhiteout = ".ostree-wh.";

enum Op : uint8_t { kLink = 0, kCopy = 1, kSymlink = 2, kClone = 3, kRemove = 4, kEmpty = 5, kDevice = 6 };
enum class Overwrite { kNone, kUnion, kUnionAdd, kUnionIdentical };

struct Meta {
  uint32_t mode, uid, gid;
  View xattrs;
};

struct Directory {
  uint32_t meta;
  View name;
  View files;
  std::vector<uint32_t> below;
};

struct Options {
  std::string suffix;
  Overwrite overwrite;
  bool requireLinks, owners, xattrs, forceCopy;
  // Of stored trees: `.ostree-wh.NAME` becomes an overlay whiteout NAME.
  bool whiteouts = false;
};

struct Task {
  uint32_t index;
  SharedFd parent;
  std::string path;
};

struct StoredTask {
  std::string name;
  Digest contents, meta;
  // The parent's thread made it just now.
  bool made;
  unsigned depth;
  SharedFd parent;
  std::string path;
};

class Populator {
 public:
  Populator(int source, Options options) : source_(source), options_(std::move(options)) {}

  void Parse(View plan) {
    Unpacker in(plan);
    for (uint32_t i = 0, count = in.U32(); i < count; i++) {
      Meta meta;
      meta.mode = in.U32(), meta.uid = in.U32(), meta.gid = in.U32(), meta.xattrs = in.Bytes32();
      metas_.push_back(meta);
    }
    while (!in.AtEnd()) {
      uint32_t parent = in.U32();
      Directory directory;
      directory.meta = in.U32(), directory.name = in.Bytes16(), directory.files = in.Bytes32();
      if (directory.meta >= metas_.size() || (parent != kTop && parent >= directories_.size())) throw Failure{EBADMSG, "plan", ""};
      if (parent != kTop) directories_[parent].below.push_back(directories_.size());
      else tops_.push_back(directories_.size());
      directories_.push_back(std::move(directory));
    }
  }

  void Run(int target) {
    SharedFd fd = OpenTarget(target);
    TaskPool<Task> pool;
    for (uint32_t top : tops_) pool.Push({top, fd, std::string(directories_[top].name)});
    fd.reset();
    pool.Run(directories_.size() < 4 ? 1 : WorkerCount(), [&](Task &task) { Fill(pool, task); });
    CloseDirectories();
  }

  void RunStored(int target, const std::string &name, View contents, View meta) {
    TaskPool<StoredTask> pool;
    pool.Push({name, DigestOf(contents), DigestOf(meta), false, 0, OpenTarget(target), name});
    pool.Run(WorkerCount(), [&](StoredTask &task) { FillStored(pool, task); });
    CloseDirectories();
  }

  Napi::Object Result(Napi::Env env) const {
    auto result = Napi::Object::New(env);
    result.Set("linked", static_cast<double>(linked_));
    result.Set("copied", static_cast<double>(copied_));
    result.Set("directories", static_cast<double>(made_));
    auto taken = Napi::Array::New(env, taken_.size());
    for (size_t i = 0; i < taken_.size(); i++) taken.Set(i, taken_[i]);
    result.Set("taken", taken);
    return result;
  }

 private:
  struct Place {
    int dir;
    std::string name;
    const std::string &path;  // of the directory
    std::string Full() const { return path.empty() ? name : path + "/" + name; }
  };

  static SharedFd OpenTarget(int target) {
    int base = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Must(base, "opendir", ".");
    return std::make_shared<OwnedFd>(base);
  }

  void CloseDirectories() {
    for (auto late = late_.rbegin(); late != late_.rend(); ++late) Must(fchmod(late->first->get(), late->second), "chmod", "");
  }

  void Fill(TaskPool<Task> &pool, Task &task) {
    Directory &directory = directories_[task.index];
    // The high bit says that the parent's thread made it just now.
    bool made = directory.meta >> 31;
    directory.meta &= ~(1u << 31);
    SharedFd fd = Enter(task.parent, std::string(directory.name), task.path, made);
    const Meta &meta = metas_[directory.meta];
    task.parent.reset();
    if (made) made_++;
    for (Unpacker in(directory.files); !in.AtEnd();) One(in, fd->get(), task.path);
    // The subdirectories are made here, so that this directory's time is set when nothing more is added to it.
    for (uint32_t below : directory.below)
      if (MakeBelow(fd, std::string(directories_[below].name), task.path)) Mark(below);
    if (made) Dress(fd, meta, task.path);
    for (auto below = directory.below.rbegin(); below != directory.below.rend(); ++below) {
      std::string name(directories_[*below].name);
      pool.Push({*below, fd, Place{fd->get(), name, task.path}.Full()});
    }
  }

  void Mark(uint32_t index) { directories_[index].meta |= 1u << 31; }

  void FillStored(TaskPool<StoredTask> &pool, StoredTask &task) {
    if (task.depth > kMaxDepth) throw Failure{EBADMSG, "checkout", task.path};
    StoredTree tree(source_, task.contents);
    const StoredMeta &stored = MetaOf(task.meta);
    bool made = task.made;
    SharedFd fd = Enter(task.parent, task.name, task.path, made);
    task.parent.reset();
    if (made) made_++;
    for (const auto &[name, digest] : tree.files()) Stored({fd->get(), std::string(name), task.path}, digest);
    std::vector<StoredTask> below;
    for (const auto &[name, contents, meta] : tree.directories()) {
      std::string text(name);
      bool fresh = MakeBelow(fd, text, task.path);
      std::string path = Place{fd->get(), text, task.path}.Full();
      below.push_back({text, DigestOf(contents), DigestOf(meta), fresh, task.depth + 1, fd, path});
    }
    if (made) Dress(fd, {stored.mode, stored.uid, stored.gid, stored.xattrs}, task.path);
    for (auto next = below.rbegin(); next != below.rend(); ++next) pool.Push(std::move(*next));
  }

  // A map's values stay where they are.
  const StoredMeta &MetaOf(const Digest &digest) {
    std::lock_guard<std::mutex> guard(mutex_);
    auto found = stored_metas_.find(digest);
    if (found == stored_metas_.end()) found = stored_metas_.emplace(digest, ReadStoredMeta(source_, digest)).first;
    return found->second;
  }

  void Stored(const Place &place, View digest) {
    std::string object = DigestPath(digest, options_.suffix);
    if (!options_.whiteouts || View(place.name).substr(0, kWhiteout.size()) != kWhiteout) return Link(place, object);
    struct stat st;
    Must(fstatat(source_, object.c_str(), &st, AT_SYMLINK_NOFOLLOW), "open", object);
    std::string xattrs = options_.xattrs ? PathXattrs(source_, object) : "";
    Whiteout({place.dir, place.name.substr(kWhiteout.size()), place.path}, {st.st_mode, st.st_uid, st.st_gid, xattrs});
  }

  // Whether it was made, not there already.
  static bool MakeBelow(const SharedFd &fd, const std::string &name, const std::string &path) {
    if (mkdirat(fd->get(), name.c_str(), 0700) == 0) return true;
    if (errno != EEXIST) Fail("mkdir", Place{fd->get(), name, path}.Full());
    return false;
  }

  SharedFd Enter(const SharedFd &parent, const std::string &name, const std::string &path, bool &made) {
    if (name.empty()) return parent;
    if (!made) {
      if (mkdirat(parent->get(), name.c_str(), 0700) == 0) made = true;
      else if (errno != EEXIST || options_.overwrite == Overwrite::kNone) Fail("mkdir", path);
    }
    int fd = openat(parent->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    Must(fd, "opendir", path);
    return std::make_shared<OwnedFd>(fd);
  }

  void Dress(const SharedFd &fd, const Meta &meta, const std::string &path) {
    uint32_t mode = meta.mode & 07777;
    if (options_.owners) Must(fchown(fd->get(), meta.uid, meta.gid), "chown", path);
    // Without rights for its owner the directory could not be filled by others than root: at the end.
    bool open = (mode & 0700) == 0700;
    if (open) Must(fchmod(fd->get(), mode), "chmod", path);
    if (options_.xattrs) SetFileXattrs(fd->get(), meta.xattrs, path);
    timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
    if (!options_.forceCopy) Must(futimens(fd->get(), times), "utimensat", path);
    if (open) return;
    std::lock_guard<std::mutex> guard(mutex_);
    late_.emplace_back(fd, mode);
  }

  void One(Unpacker &in, int dir, const std::string &path) {
    uint8_t op = in.U8();
    Place place{dir, std::string(in.Bytes16()), path};
    switch (op) {
      case kLink:
        return Link(place, DigestPath(in.Raw(32), options_.suffix));
      case kClone:
        return Clone(place, DigestPath(in.Raw(32), options_.suffix));
      case kCopy:
        return Copy(place, in);
      case kSymlink:
        return Symlink(place, in);
      case kDevice:
        return Device(place, in);
      case kRemove:
        return Remove(place);
      case kEmpty:
        return Empty(place);
      default:
        throw Failure{EBADMSG, "plan", place.Full()};
    }
  }

  void Link(const Place &place, const std::string &source) {
    struct stat st;
    Must(fstatat(source_, source.c_str(), &st, AT_SYMLINK_NOFOLLOW), "open", source);
    // Every empty file of one owner and mode would share an inode, and its links run out (65,000 on ext4).
    bool empty = S_ISREG(st.st_mode) && st.st_size == 0;
    bool unreadable = S_ISREG(st.st_mode) && !options_.owners && !(st.st_mode & S_IRUSR);
    if (options_.forceCopy || empty || unreadable) return Clone(place, source);
    bool refused = false;
    bool done = Put(place, &st, [&](const char *name) {
      int result = linkat(source_, source.c_str(), place.dir, name, 0);
      refused = result == -1 && (errno == EXDEV || errno == EMLINK || errno == EPERM);
      return refused ? 0 : result;
    }, &refused);
    if (refused && options_.requireLinks) throw Failure{EXDEV, "link", place.Full()};
    if (refused) return Clone(place, source);
    if (done) linked_++;
  }

  // Makes something with `make(name)`, which gives -1 and errno; what happens where the name is taken is the option's.
  // `keep` is the inode that would be linked. `skip` set by `make` means that nothing was made.
  template <typename Make>
  bool Put(const Place &place, const struct stat *keep, Make make, const bool *skip = nullptr) {
    if (make(place.name.c_str()) == 0) return !(skip && *skip);
    if (errno != EEXIST || options_.overwrite == Overwrite::kNone) Fail("create", place.Full());
    if (options_.overwrite == Overwrite::kUnionAdd) return false;
    struct stat st;
    Must(fstatat(place.dir, place.name.c_str(), &st, AT_SYMLINK_NOFOLLOW), "lstat", place.Full());
    if (keep && st.st_dev == keep->st_dev && st.st_ino == keep->st_ino) return true;
    if (options_.overwrite == Overwrite::kUnionIdentical) {
      std::lock_guard<std::mutex> guard(mutex_);
      taken_.push_back(place.Full());
      return false;
    }
    return Replace(place, make, skip);
  }

  template <typename Make>
  bool Replace(const Place &place, Make make, const bool *skip) {
    std::string temporary = Temporary();
    try {
      Must(make(temporary.c_str()), "create", place.Full());
      if (skip && *skip) return false;
      Must(renameat(place.dir, temporary.c_str(), place.dir, place.name.c_str()), "rename", place.Full());
      return true;
    } catch (const Failure &) {
      unlinkat(place.dir, temporary.c_str(), 0);
      throw;
    }
  }

  static std::string Temporary() {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random) throw Failure{errno, "getrandom", ""};
    return ".new-" + std::to_string(random);
  }

  void Clone(const Place &place, const std::string &source) {
    struct stat st;
    Must(fstatat(source_, source.c_str(), &st, AT_SYMLINK_NOFOLLOW), "open", source);
    std::string xattrs = options_.xattrs ? PathXattrs(source_, source) : "";
    Meta meta{st.st_mode, st.st_uid, st.st_gid, xattrs};
    if (S_ISLNK(st.st_mode)) return MakeSymlink(place, ReadLink(source_, source.c_str(), st.st_size), meta);
    OwnedFd from(openat(source_, source.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    Must(from.get(), "open", source);
    MakeFile(place, meta, [&](int fd) { CopyContent(from.get(), fd, source); });
  }

  void Copy(const Place &place, Unpacker &in) {
    std::string source = DigestPath(in.Raw(32), options_.suffix);
    Meta meta;
    meta.mode = in.U32(), meta.uid = in.U32(), meta.gid = in.U32(), meta.xattrs = in.Bytes32();
    uint32_t offset = in.U32();
    bool inflate = in.U8();
    double size = in.F64();
    OwnedFd from(openat(source_, source.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    Must(from.get(), "open", source);
    if (offset) Must(lseek(from.get(), offset, SEEK_SET), "lseek", source);
    MakeFile(place, meta, [&](int fd) {
      if (inflate) InflateContent(from.get(), fd, size, source);
      else CopyContent(from.get(), fd, source);
    });
  }

  template <typename Write>
  void MakeFile(const Place &place, const Meta &meta, Write write) {
    bool made = Put(place, nullptr, [&](const char *name) {
      OwnedFd fd(openat(place.dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
      if (fd.get() < 0) return -1;
      write(fd.get());
      if (options_.owners) Must(fchown(fd.get(), meta.uid, meta.gid), "chown", place.Full());
      // A file of somebody else's tree gets no set-id bits, and can be read by whom it is made for.
      uint32_t mode = options_.owners ? meta.mode & 07777 : (meta.mode & 0777) | S_IRUSR;
      Must(fchmod(fd.get(), mode), "chmod", place.Full());
      if (options_.xattrs) SetFileXattrs(fd.get(), meta.xattrs, place.Full());
      timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
      if (!options_.forceCopy) Must(futimens(fd.get(), times), "utimensat", place.Full());
      return 0;
    });
    if (made) copied_++;
  }

  void Symlink(const Place &place, Unpacker &in) {
    std::string target(in.Bytes16());
    Meta meta;
    meta.mode = 0777, meta.uid = in.U32(), meta.gid = in.U32(), meta.xattrs = in.Bytes32();
    MakeSymlink(place, target, meta);
  }

  void MakeSymlink(const Place &place, const std::string &target, const Meta &meta) {
    bool made = Put(place, nullptr, [&](const char *name) {
      if (symlinkat(target.c_str(), place.dir, name) == -1) return -1;
      if (options_.owners) Must(fchownat(place.dir, name, meta.uid, meta.gid, AT_SYMLINK_NOFOLLOW), "chown", place.Full());
      if (options_.xattrs) SetPathXattrs(place.dir, name, meta.xattrs);
      return 0;
    });
    if (made) copied_++;
  }

  void Device(const Place &place, Unpacker &in) {
    Meta meta;
    meta.mode = in.U32(), meta.uid = in.U32(), meta.gid = in.U32(), meta.xattrs = in.Bytes32();
    Whiteout(place, meta);
  }

  // An overlayfs whiteout: character device 0:0.
  void Whiteout(const Place &place, const Meta &meta) {
    bool made = Put(place, nullptr, [&](const char *name) {
      if (mknodat(place.dir, name, S_IFCHR | (meta.mode & 0777), makedev(0, 0)) == -1) return -1;
      if (options_.owners) Must(fchownat(place.dir, name, meta.uid, meta.gid, AT_SYMLINK_NOFOLLOW), "chown", place.Full());
      Must(fchmodat(place.dir, name, meta.mode & 0777, 0), "chmod", place.Full());
      if (options_.xattrs) SetPathXattrs(place.dir, name, meta.xattrs);
      return 0;
    });
    if (made) copied_++;
  }

  void Remove(const Place &place) {
    std::string failed;
    if (int error = RemoveTree(place.dir, place.name, failed)) throw Failure{error, "rm -rf", place.Full()};
  }

  void Empty(const Place &place) {
    int own = openat(place.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Must(own, "opendir", place.path);
    DIR *stream = fdopendir(own);
    std::vector<std::string> names;
    while (const dirent *entry = readdir(stream))
      if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) names.emplace_back(entry->d_name);
    closedir(stream);
    for (const std::string &name : names) Remove({place.dir, name, place.path});
  }

  int source_;
  Options options_;
  std::vector<Meta> metas_;
  std::vector<Directory> directories_;
  std::vector<uint32_t> tops_;
  std::map<Digest, StoredMeta> stored_metas_;
  std::mutex mutex_;
  std::vector<std::pair<SharedFd, uint32_t>> late_;
  std::vector<std::string> taken_;
  std::atomic<size_t> linked_{0}, copied_{0}, made_{0};
};

Overwrite OverwriteOf(const std::string &word) {
  if (word == "union") return Overwrite::kUnion;
  if (word == "union-add") return Overwrite::kUnionAdd;
  return word == "union-identical" ? Overwrite::kUnionIdentical : Overwrite::kNone;
}

Options OptionsOf(const Napi::Object &object) {
  Options options;
  options.suffix = object.Get("suffix").As<Napi::String>();
  options.overwrite = OverwriteOf(object.Get("overwrite").As<Napi::String>());
  options.requireLinks = object.Get("requireLinks").ToBoolean();
  options.owners = object.Get("owners").ToBoolean();
  options.xattrs = object.Get("xattrs").ToBoolean();
  options.forceCopy = object.Get("forceCopy").ToBoolean();
  return options;
}

View ViewOf(Napi::Env env, const Napi::Value &value) {
  Bytes bytes = ByteView(env, value);
  return View(reinterpret_cast<const char *>(bytes.data), bytes.size);
}

}  // namespace

Napi::Value Populate(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    Populator populator(Int(info, 0), OptionsOf(info[3].As<Napi::Object>()));
    populator.Parse(ViewOf(info.Env(), info[2]));
    populator.Run(Int(info, 1));
    return populator.Result(info.Env());
  });
}

Napi::Value PopulateTree(const Napi::CallbackInfo &info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto tree = info[2].As<Napi::Object>();
    Options options = OptionsOf(info[3].As<Napi::Object>());
    options.whiteouts = tree.Get("whiteouts").ToBoolean();
    Populator populator(Int(info, 0), std::move(options));
    View contents = ViewOf(info.Env(), tree.Get("contents")), meta = ViewOf(info.Env(), tree.Get("meta"));
    populator.RunStored(Int(info, 1), tree.Get("name").As<Napi::String>(), contents, meta);
    return populator.Result(info.Env());
  });
}

}  // namespace addon
