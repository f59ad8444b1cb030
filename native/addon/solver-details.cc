// What people are told of a package: its texts and sizes, and the search through them.
#include "solver.h"
#include "arguments.h"
#include <cstring>

extern "C" {
#include <solv/knownid.h>
#include <solv/selection.h>
}

namespace solver {
namespace {

std::string TextOf(Solvable *solvable, Id key) {
  const char *text = solvable_lookup_str(solvable, key);
  return text ? text : "";
}

Napi::Object DetailsObject(Napi::Env env, Pool *pool, Solvable *solvable) {
  Napi::Object object = PackageObject(env, pool, solvable);
  object.Set("summary", TextOf(solvable, SOLVABLE_SUMMARY));
  object.Set("description", TextOf(solvable, SOLVABLE_DESCRIPTION));
  object.Set("license", TextOf(solvable, SOLVABLE_LICENSE));
  object.Set("url", TextOf(solvable, SOLVABLE_URL));
  const char *source = solvable_lookup_sourcepkg(solvable);
  object.Set("sourceRpm", source ? source : "");
  object.Set("packageSize", static_cast<double>(solvable_lookup_num(solvable, SOLVABLE_DOWNLOADSIZE, 0)));
  object.Set("installedSize", static_cast<double>(solvable_lookup_num(solvable, SOLVABLE_INSTALLSIZE, 0)));
  object.Set("buildTime", static_cast<double>(solvable_lookup_num(solvable, SOLVABLE_BUILDTIME, 0)));
  return object;
}

// Whether every word occurs in one of the texts, in any case.
class Words {
 public:
  Words(std::vector<std::string> words, bool everywhere) : words_(std::move(words)), everywhere_(everywhere) {}

  bool Match(Pool *pool, Solvable *solvable) const {
    for (const std::string &word : words_)
      if (!MatchOne(pool, solvable, word.c_str())) return false;
    return true;
  }

 private:
  bool MatchOne(Pool *pool, Solvable *solvable, const char *word) const {
    if (strcasestr(pool_id2str(pool, solvable->name), word)) return true;
    if (Has(solvable, SOLVABLE_SUMMARY, word)) return true;
    return everywhere_ && (Has(solvable, SOLVABLE_DESCRIPTION, word) || Has(solvable, SOLVABLE_URL, word));
  }

  static bool Has(Solvable *solvable, Id key, const char *word) {
    const char *text = solvable_lookup_str(solvable, key);
    return text && strcasestr(text, word);
  }

  std::vector<std::string> words_;
  bool everywhere_;
};

}  // namespace

// count(repo): how many packages a repository has; 0 where there is none of that name.
Napi::Value Sack::Count(const Napi::CallbackInfo &info) {
  Repo *repo = FindRepo(addon::Text(info, 0));
  return Napi::Number::New(info.Env(), repo ? repo->nsolvables : 0);
}

// details(spec): the packages a spec selects, with their texts.
Napi::Value Sack::Details(const Napi::CallbackInfo &info) {
  QueueOwner selection, packages;
  Select(addon::Text(info, 0), 0, selection);
  selection_solvables(pool_.get(), &selection, &packages);
  auto result = Napi::Array::New(info.Env(), packages.size());
  for (int i = 0; i < packages.size(); i++)
    result.Set(i, DetailsObject(info.Env(), pool_.get(), pool_id2solvable(pool_.get(), packages[i])));
  return result;
}

// search(words, everywhere): the packages of repositories in whose texts every word occurs.
Napi::Value Sack::Search(const Napi::CallbackInfo &info) {
  Pool *pool = pool_.get();
  auto list = info[0].As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < list.Length(); i++) texts.push_back(list.Get(i).As<Napi::String>().Utf8Value());
  Words words(std::move(texts), addon::Bool(info, 1));
  Prepare();
  auto result = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (Id id = 2; id < pool->nsolvables; id++) {
    Solvable *solvable = pool_id2solvable(pool, id);
    if (!solvable->repo || solvable->repo == pool->installed) continue;
    if (pool->considered && !MAPTST(pool->considered, id)) continue;
    if (!pool_installable(pool, solvable)) continue;
    if (words.Match(pool, solvable)) result.Set(count++, DetailsObject(info.Env(), pool, solvable));
  }
  return result;
}

}  // namespace solver
