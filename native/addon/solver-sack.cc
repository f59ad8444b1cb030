// Sack: repositories from .solv files and from packed packages, what is excluded, and looking packages up.
#include "solver.h"
#include "arguments.h"
#include <cerrno>
#include <cstring>
#include <fnmatch.h>
#include <stdio_ext.h>
#include <stdexcept>
#include <unordered_set>

extern "C" {
#include <solv/bitmap.h>
#include <solv/evr.h>
#include <solv/repo_solv.h>
#include <solv/selection.h>
#include <solv/util.h>
}

namespace solver {

namespace {

constexpr size_t kReadSize = 1 << 18;

// Packages added after the first exclusion have no bit yet, and libsolv does not look at the map's size.
void CoverAllPackages(Pool *pool) {
  Map *considered = pool->considered;
  if (!considered) return;
  int before = considered->size;
  map_grow(considered, pool->nsolvables);
  if (considered->size > before) memset(considered->map + before, 0xff, considered->size - before);
}

// Patterns in the forms that dnf knows: name, name.arch, name-version, name-version-release, NEVRA with or without epoch.
// Matched against the packages' own text, so that no index has to be built for it.
class PackagePatterns {
 public:
  explicit PackagePatterns(const std::vector<std::string> &patterns) {
    for (const std::string &pattern : patterns)
      if (pattern.find_first_of("*?[") == std::string::npos)
        exact_.insert(pattern);
      else
        globs_.push_back(pattern);
  }

  bool Match(Pool *pool, const Solvable *solvable) const {
    std::string name = pool_id2str(pool, solvable->name), evr = pool_id2str(pool, solvable->evr);
    std::string arch = std::string(".") + pool_id2str(pool, solvable->arch);
    if (MatchText(name) || MatchText(name + arch)) return true;
    size_t colon = evr.find(':');
    std::string full = colon == std::string::npos ? "0:" + evr : evr;
    std::string bare = colon == std::string::npos ? evr : evr.substr(colon + 1);
    for (const std::string &version : {bare, full}) {
      std::string whole = name + "-" + version;
      if (MatchText(whole) || MatchText(whole + arch) || MatchText(whole.substr(0, whole.rfind('-')))) return true;
    }
    return false;
  }

 private:
  bool MatchText(const std::string &text) const {
    if (exact_.count(text)) return true;
    for (const std::string &glob : globs_)
      if (fnmatch(glob.c_str(), text.c_str(), 0) == 0) return true;
    return false;
  }

  std::unordered_set<std::string> exact_;
  std::vector<std::string> globs_;
};

}  // namespace

using addon::Bool;
using addon::Int;
using addon::Text;

void Sack::Init(Napi::Env env, Napi::Object exports) {
  exports.Set("Sack", DefineClass(env, "Sack",
                                  {
                                      InstanceMethod<&Sack::LoadSolv>("loadSolv"),
                                      InstanceMethod<&Sack::AddPackages>("addPackages"),
                                      InstanceMethod<&Sack::Exclude>("exclude"),
                                      InstanceMethod<&Sack::Query>("query"),
                                      InstanceMethod<&Sack::Count>("count"),
                                      InstanceMethod<&Sack::Details>("details"),
                                      InstanceMethod<&Sack::Search>("search"),
                                  }));
}

Sack::Sack(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Sack>(info) {
  try {
    pool_ = NewPool(Text(info, 0).c_str());
  } catch (const std::runtime_error &error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

Repo *Sack::FindRepo(const std::string &name) const {
  auto found = repos_.find(name);
  return found == repos_.end() ? nullptr : found->second;
}

Repo *Sack::RepoFor(const std::string &name) {
  Repo *&repo = repos_[name];
  if (!repo) repo = repo_create(pool_.get(), name.c_str());
  prepared_ = false;
  return repo;
}

void Sack::Prepare() {
  if (prepared_) return;
  CoverAllPackages(pool_.get());
  pool_addfileprovides(pool_.get());
  pool_createwhatprovides(pool_.get());
  prepared_ = true;
}

// loadSolv(repo, file, key, priority, cost): number of packages, or null where the file is not what `key` says.
Napi::Value Sack::LoadSolv(const Napi::CallbackInfo &info) {
  std::string name = Text(info, 0), path = Text(info, 1), key = Text(info, 2);
  int priority = Int(info, 3), cost = Int(info, 4);
  if (FindRepo(name)) throw Napi::Error::New(info.Env(), "repository " + name + " is loaded already");
  FileOwner file(fopen(path.c_str(), "re"));
  if (!file) return info.Env().Null();
  // Read byte by byte, by this thread alone.
  __fsetlocking(file.get(), FSETLOCKING_BYCALLER);
  setvbuf(file.get(), nullptr, _IOFBF, kReadSize);
  unsigned char *raw = nullptr;
  int length = 0;
  if (solv_read_userdata(file.get(), &raw, &length) != 0) return info.Env().Null();
  CString userdata(reinterpret_cast<char *>(raw));
  if (std::string(userdata.get() ? userdata.get() : "", length) != key) return info.Env().Null();
  rewind(file.get());
  Repo *repo = RepoFor(name);
  // A lower number is the better one in a .repo file, and the other way round here.
  repo->priority = -priority;
  repo->subpriority = -cost;
  if (repo_add_solv(repo, file.get(), 0) != 0) {
    repo_free(repo, 1);
    repos_.erase(name);
    return info.Env().Null();
  }
  return Napi::Number::New(info.Env(), repo->nsolvables);
}

// addPackages(repo, packed, installed): number of packages.
Napi::Value Sack::AddPackages(const Napi::CallbackInfo &info) {
  std::string name = Text(info, 0);
  addon::Bytes packed = addon::ByteView(info.Env(), info[1]);
  bool installed = Bool(info, 2);
  Repo *repo = RepoFor(name);
  if (installed) pool_set_installed(pool_.get(), repo);
  try {
    return Napi::Number::New(info.Env(), AddPackedPackages(repo, packed.data, packed.size));
  } catch (const std::runtime_error &error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

// exclude(repo, patterns, keepMatching): hides what matches, or with keepMatching everything else.
void Sack::Exclude(const Napi::CallbackInfo &info) {
  Repo *repo = FindRepo(Text(info, 0));
  if (!repo) throw Napi::Error::New(info.Env(), "no repository " + Text(info, 0));
  auto list = info[1].As<Napi::Array>();
  std::vector<std::string> patterns;
  for (uint32_t i = 0; i < list.Length(); i++) patterns.push_back(list.Get(i).As<Napi::String>().Utf8Value());
  DropFromConsidered(repo, patterns, Bool(info, 2));
}

void Sack::DropFromConsidered(Repo *repo, const std::vector<std::string> &patterns, bool keepMatching) {
  Pool *pool = pool_.get();
  if (!pool->considered) {
    pool->considered = static_cast<Map *>(solv_calloc(1, sizeof(Map)));
    map_init(pool->considered, pool->nsolvables);
    map_setall(pool->considered);
  }
  CoverAllPackages(pool);
  PackagePatterns wanted(patterns);
  Id id;
  Solvable *solvable;
  FOR_REPO_SOLVABLES(repo, id, solvable)
  if (wanted.Match(pool, solvable) != keepMatching) MAPCLR(pool->considered, id);
  prepared_ = false;
}

void Sack::Select(const std::string &spec, int extraFlags, QueueOwner &selection) {
  Prepare();
  Pool *pool = pool_.get();
  // A package's own name wins over what others provide, as in dnf.
  const int byName = SELECTION_NAME | SELECTION_CANON | SELECTION_DOTARCH | SELECTION_REL | SELECTION_GLOB;
  const int byProvide = SELECTION_PROVIDES | SELECTION_REL | SELECTION_GLOB;
  if (spec[0] == '/' && selection_make(pool, &selection, spec.c_str(), SELECTION_FILELIST | SELECTION_GLOB | extraFlags)) return;
  if (spec[0] != '/' && selection_make(pool, &selection, spec.c_str(), byName | extraFlags)) return;
  selection_make(pool, &selection, spec.c_str(), byProvide | extraFlags);
}

// query(spec, everything): the packages a spec selects; `everything` includes excluded ones and foreign architectures.
Napi::Value Sack::Query(const Napi::CallbackInfo &info) {
  QueueOwner selection, packages;
  Select(Text(info, 0), Bool(info, 1) ? SELECTION_WITH_ALL : 0, selection);
  selection_solvables(pool_.get(), &selection, &packages);
  auto result = Napi::Array::New(info.Env(), packages.size());
  for (int i = 0; i < packages.size(); i++)
    result.Set(i, PackageObject(info.Env(), pool_.get(), pool_id2solvable(pool_.get(), packages[i])));
  return result;
}

Napi::Object PackageObject(Napi::Env env, Pool *pool, Solvable *solvable) {
  std::string evr = pool_id2str(pool, solvable->evr);
  size_t colon = evr.find(':'), dash = evr.rfind('-');
  size_t start = colon == std::string::npos ? 0 : colon + 1;
  if (dash == std::string::npos || dash < start) dash = evr.size();
  auto object = Napi::Object::New(env);
  object.Set("name", pool_id2str(pool, solvable->name));
  object.Set("epoch", colon == std::string::npos ? 0.0 : strtod(evr.c_str(), nullptr));
  object.Set("version", evr.substr(start, dash - start));
  object.Set("release", dash == evr.size() ? std::string() : evr.substr(dash + 1));
  object.Set("arch", solvable->arch ? pool_id2str(pool, solvable->arch) : "");
  object.Set("repo", solvable->repo && solvable->repo->name ? solvable->repo->name : "");
  object.Set("installed", pool->installed && solvable->repo == pool->installed);
  return object;
}

}  // namespace solver
