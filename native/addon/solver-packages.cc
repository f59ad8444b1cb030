// Packages handed over by scripts in one compact block: fields ended by NUL, records told apart by their first field.
#include "solver.h"
#include <cstdlib>
#include <cstring>
#include <stdexcept>

extern "C" {
#include <solv/chksum.h>
#include <solv/knownid.h>
#include <solv/pool_parserpmrichdep.h>
#include <solv/repodata.h>
}

namespace solver {

Id RichDependency(Pool *pool, const char *text) {
  uint64_t open = 0;
  for (const char *c = text; *c; c++)
    if (*c == '(' && ++open > kMostParentheses) return 0;
  return pool_parserpmrichdep(pool, text);
}

namespace {

class Fields {
 public:
  Fields(const uint8_t *data, size_t size) : at_(reinterpret_cast<const char *>(data)), end_(at_ + size) {}
  bool AtEnd() const { return at_ == end_; }
  const char *Next() {
    const char *field = at_;
    const char *stop = static_cast<const char *>(memchr(at_, 0, end_ - at_));
    if (!stop) throw std::runtime_error("packed packages: a field without its end");
    at_ = stop + 1;
    return field;
  }
  unsigned long long NextNumber() { return strtoull(Next(), nullptr, 10); }

 private:
  const char *at_, *end_;
};

// rpm's sense bits.
constexpr unsigned kLess = 2, kGreater = 4, kEqual = 8;

int RelationOf(unsigned sense) {
  return (sense & kLess ? REL_LT : 0) | (sense & kGreater ? REL_GT : 0) | (sense & kEqual ? REL_EQ : 0);
}

class Adder {
 public:
  explicit Adder(Repo *repo) : pool_(repo->pool), repo_(repo), data_(repo_add_repodata(repo, 0)) {}

  void Package(Fields &fields) {
    FinishPackage();
    solvable_ = repo_add_solvable(repo_);
    Solvable *s = Current();
    s->name = pool_str2id(pool_, fields.Next(), 1);
    s->evr = pool_str2id(pool_, fields.Next(), 1);
    s->arch = pool_str2id(pool_, fields.Next(), 1);
    count_++;
  }

  void Source(Fields &fields) {
    const char *location = fields.Next(), *type = fields.Next(), *digest = fields.Next();
    repodata_set_location(data_, Need(), 0, nullptr, location);
    Id checksum = solv_chksum_str2type(type);
    if (checksum) repodata_set_checksum(data_, solvable_, SOLVABLE_CHECKSUM, checksum, digest);
    repodata_set_num(data_, solvable_, SOLVABLE_DOWNLOADSIZE, fields.NextNumber());
    repodata_set_num(data_, solvable_, SOLVABLE_INSTALLSIZE, fields.NextNumber());
    repodata_set_num(data_, solvable_, SOLVABLE_BUILDTIME, fields.NextNumber());
  }

  void Dependency(char kind, Fields &fields) {
    Need();
    unsigned sense = static_cast<unsigned>(fields.NextNumber());
    const char *name = fields.Next(), *evr = fields.Next();
    Id id = name[0] == '(' ? RichDependency(pool_, name) : pool_str2id(pool_, name, 1);
    if (!id) throw std::runtime_error(std::string(pool_id2str(pool_, Current()->name)) + ": its dependency " + std::string(name).substr(0, 200) + " is malformed");
    if (RelationOf(sense) && *evr) id = pool_rel2id(pool_, id, pool_str2id(pool_, evr, 1), RelationOf(sense), 1);
    Solvable *s = Current();
    switch (kind) {
      case 'P': s->provides = repo_addid_dep(repo_, s->provides, id, 0); break;
      case 'R': s->requires = repo_addid_dep(repo_, s->requires, id, -SOLVABLE_PREREQMARKER); break;
      case 'Q': s->requires = repo_addid_dep(repo_, s->requires, id, SOLVABLE_PREREQMARKER); break;
      case 'C': s->conflicts = repo_addid_dep(repo_, s->conflicts, id, 0); break;
      case 'O': s->obsoletes = repo_addid_dep(repo_, s->obsoletes, id, 0); break;
      case 'M': s->recommends = repo_addid_dep(repo_, s->recommends, id, 0); break;
      case 'S': s->suggests = repo_addid_dep(repo_, s->suggests, id, 0); break;
      case 'U': s->supplements = repo_addid_dep(repo_, s->supplements, id, 0); break;
      case 'E': s->enhances = repo_addid_dep(repo_, s->enhances, id, 0); break;
      default: throw std::runtime_error("packed packages: unknown kind of dependency");
    }
  }

  void File(Fields &fields) {
    const char *path = fields.Next();
    const char *slash = strrchr(path, '/');
    if (!slash) throw std::runtime_error(std::string("packed packages: not an absolute path: ") + path);
    std::string directory(path, slash == path ? 1 : slash - path);
    if (directory != directory_) {
      directory_ = directory;
      directoryId_ = repodata_str2dir(data_, directory.c_str(), 1);
    }
    repodata_add_dirstr(data_, Need(), SOLVABLE_FILELIST, directoryId_, slash + 1);
  }

  int Finish() {
    FinishPackage();
    repodata_internalize(data_);
    return count_;
  }

 private:
  Solvable *Current() { return pool_id2solvable(pool_, solvable_); }

  Id Need() const {
    if (!solvable_) throw std::runtime_error("packed packages: a record before the first package");
    return solvable_;
  }

  // Old packages do not say that they provide themselves.
  void FinishPackage() {
    if (!solvable_) return;
    Solvable *s = Current();
    Id self = pool_rel2id(pool_, s->name, s->evr, REL_EQ, 1);
    if (s->provides)
      for (const Id *id = repo_->idarraydata + s->provides; *id; id++)
        if (*id == self) return;
    s->provides = repo_addid_dep(repo_, s->provides, self, 0);
  }

  Pool *pool_;
  Repo *repo_;
  Repodata *data_;
  Id solvable_ = 0;
  std::string directory_;
  Id directoryId_ = 0;
  int count_ = 0;
};

}  // namespace

int AddPackedPackages(Repo *repo, const uint8_t *data, size_t size) {
  Fields fields(data, size);
  Adder adder(repo);
  while (!fields.AtEnd()) {
    const char *tag = fields.Next();
    switch (tag[0]) {
      case 'p': adder.Package(fields); break;
      case 'l': adder.Source(fields); break;
      case 'f': adder.File(fields); break;
      default: adder.Dependency(tag[0], fields);
    }
  }
  return adder.Finish();
}

}  // namespace solver
