// A repository's rpm-md files: converted to a .solv file in a pool of its own, or decompressed; on worker threads.
#include "solver.h"
#include "arguments.h"
#include "metadata-file.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdio_ext.h>
#include <unistd.h>

extern "C" {
#include <solv/knownid.h>
#include <solv/repo_rpmmd.h>
#include <solv/repo_write.h>
#include <solv/repodata.h>
#include <solv/solv_xfopen.h>
}

namespace solver {
namespace {

struct WriterDeleter {
  void operator()(Repowriter *writer) const { repowriter_free(writer); }
};

class Conversion : public Napi::AsyncWorker {
 public:
  Conversion(Napi::Env env, std::string arch, std::string primary, std::string filelists, std::string output, std::string key)
      : Napi::AsyncWorker(env),
        promise(Napi::Promise::Deferred::New(env)),
        arch_(std::move(arch)),
        primary_(std::move(primary)),
        filelists_(std::move(filelists)),
        output_(std::move(output)),
        key_(std::move(key)) {}

  Napi::Promise::Deferred promise;

 protected:
  void Execute() override {
    try {
      Convert();
    } catch (const std::exception &error) {
      SetError(error.what());
    }
  }
  void OnOK() override { promise.Resolve(Napi::Number::New(Env(), packages_)); }
  void OnError(const Napi::Error &error) override { promise.Reject(error.Value()); }

 private:
  void Convert() {
    PoolOwner pool = NewPool(arch_.c_str());
    Repo *repo = repo_create(pool.get(), "metadata");
    Read(repo, primary_, nullptr, 0);
    if (!filelists_.empty()) Read(repo, filelists_, "FL", REPO_EXTEND_SOLVABLES);
    packages_ = repo->nsolvables;
    NoteFileProvides(pool.get(), repo);
    Write(repo);
  }

  static void Read(Repo *repo, const std::string &path, const char *language, int flags) {
    MetadataFile file(path);
    int failed = repo_add_rpmmd(repo, file.get(), language, flags);
    file.ThrowFault();
    if (failed != 0) throw std::runtime_error(path + ": " + pool_errstr(repo->pool));
    if (ferror(file.get())) throw std::runtime_error(path + ": cannot be decompressed");
  }

  // The paths that packages of this repository depend on are added as provides and noted, so that a load need not search.
  static void NoteFileProvides(Pool *pool, Repo *repo) {
    QueueOwner files;
    pool_addfileprovides_queue(pool, &files, nullptr);
    if (files.size() == 0) return;
    Repodata *data = repo_add_repodata(repo, 0);
    repodata_set_idarray(data, SOLVID_META, REPOSITORY_ADDEDFILEPROVIDES, &files);
    repodata_internalize(data);
  }

  // Into a new file that is on the disk before the caller renames it.
  void Write(Repo *repo) {
    int fd = open(output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) throw std::runtime_error(output_ + ": " + strerror(errno));
    FileOwner file(fdopen(fd, "w"));
    if (!file) {
      close(fd);
      throw std::runtime_error(output_ + ": " + strerror(errno));
    }
    // Written byte by byte, by this thread alone.
    __fsetlocking(file.get(), FSETLOCKING_BYCALLER);
    std::unique_ptr<Repowriter, WriterDeleter> writer(repowriter_create(repo));
    repowriter_set_userdata(writer.get(), key_.data(), static_cast<int>(key_.size()));
    if (repowriter_write(writer.get(), file.get()) != 0 || fflush(file.get()) != 0 || fdatasync(fd) != 0)
      throw std::runtime_error(output_ + ": " + (errno ? strerror(errno) : pool_errstr(repo->pool)));
  }

  std::string arch_, primary_, filelists_, output_, key_;
  int packages_ = 0;
};

// convertMetadata(arch, primary, filelists or '', output, key): Promise of the number of packages.
Napi::Value ConvertMetadata(const Napi::CallbackInfo &info) {
  using addon::Text;
  auto *conversion = new Conversion(info.Env(), Text(info, 0), Text(info, 1), Text(info, 2), Text(info, 3), Text(info, 4));
  Napi::Promise promise = conversion->promise.Promise();
  conversion->Queue();
  return promise;
}

// A whole file, decompressed by what its name ends in.
class Reading : public Napi::AsyncWorker {
 public:
  Reading(Napi::Env env, std::string path, size_t maximum)
      : Napi::AsyncWorker(env), promise(Napi::Promise::Deferred::New(env)), path_(std::move(path)), maximum_(maximum) {}

  Napi::Promise::Deferred promise;

 protected:
  void Execute() override {
    FileOwner file(solv_xfopen(path_.c_str(), "r"));
    if (!file) return SetError(path_ + ": " + strerror(errno));
    std::vector<char> block(1 << 16);
    size_t count;
    while ((count = fread(block.data(), 1, block.size(), file.get())) > 0) {
      content_.append(block.data(), count);
      if (content_.size() > maximum_) return SetError(path_ + ": longer than " + std::to_string(maximum_) + " bytes when decompressed");
    }
    if (ferror(file.get())) SetError(path_ + ": cannot be decompressed");
  }
  void OnOK() override { promise.Resolve(addon::NewBytes(Env(), content_.data(), content_.size())); }
  void OnError(const Napi::Error &error) override { promise.Reject(error.Value()); }

 private:
  std::string path_, content_;
  size_t maximum_;
};

// readCompressed(path, maximum): Promise of the decompressed bytes.
Napi::Value ReadCompressed(const Napi::CallbackInfo &info) {
  auto *reading = new Reading(info.Env(), addon::Text(info, 0), static_cast<size_t>(addon::Int64(info, 1)));
  Napi::Promise promise = reading->promise.Promise();
  reading->Queue();
  return promise;
}

}  // namespace

void InitMetadata(Napi::Env env, Napi::Object exports) {
  exports.Set("convertMetadata", Napi::Function::New(env, ConvertMetadata, "convertMetadata"));
  exports.Set("readCompressed", Napi::Function::New(env, ReadCompressed, "readCompressed"));
}

}  // namespace solver
