// Shared by the files of the solver addon: owners of libsolv's handles, and the two classes scripts see.
#pragma once
#include <napi.h>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <cstdio>

extern "C" {
#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solver.h>
#include <solv/transaction.h>
}

namespace solver {

struct PoolDeleter {
  void operator()(Pool *pool) const;
};
struct SolverDeleter {
  void operator()(Solver *solver) const { solver_free(solver); }
};
struct TransactionDeleter {
  void operator()(Transaction *transaction) const { transaction_free(transaction); }
};
struct FileDeleter {
  void operator()(FILE *file) const { fclose(file); }
};
struct CStringDeleter {
  void operator()(char *text) const { free(text); }
};
using PoolOwner = std::unique_ptr<Pool, PoolDeleter>;
using SolverOwner = std::unique_ptr<Solver, SolverDeleter>;
using TransactionOwner = std::unique_ptr<Transaction, TransactionDeleter>;
using FileOwner = std::unique_ptr<FILE, FileDeleter>;
using CString = std::unique_ptr<char, CStringDeleter>;

// In one dependency, or between two tags of the metadata.
constexpr uint64_t kMostParentheses = 2000;

class QueueOwner {
 public:
  QueueOwner() { queue_init(&queue_); }
  ~QueueOwner() { queue_free(&queue_); }
  QueueOwner(const QueueOwner &) = delete;
  QueueOwner &operator=(const QueueOwner &) = delete;
  Queue *operator&() { return &queue_; }
  Id operator[](int index) const { return queue_.elements[index]; }
  int size() const { return queue_.count; }

 private:
  Queue queue_;
};

// A dependency in parentheses; 0 where it is malformed, or so deep that libsolv, which calls itself for those within, would
// come to the end of the stack.
Id RichDependency(Pool *pool, const char *text);

// A pool of RPM packages for one architecture, nothing loaded.
PoolOwner NewPool(const char *arch);

// The packages of several repositories, one of which may be the installed system.
class Sack : public Napi::ObjectWrap<Sack> {
 public:
  static void Init(Napi::Env env, Napi::Object exports);
  explicit Sack(const Napi::CallbackInfo &info);

  Pool *pool() const { return pool_.get(); }
  // Brings the indexes up to date; needed after packages were added and before anything is looked up.
  void Prepare();
  // What `spec` selects, as libsolv job pairs: a name, part of a NEVRA, a provide, an absolute path; globs too.
  void Select(const std::string &spec, int extraFlags, QueueOwner &selection);
  Repo *FindRepo(const std::string &name) const;

 private:
  Napi::Value LoadSolv(const Napi::CallbackInfo &info);
  Napi::Value AddPackages(const Napi::CallbackInfo &info);
  void Exclude(const Napi::CallbackInfo &info);
  Napi::Value Query(const Napi::CallbackInfo &info);
  Napi::Value Count(const Napi::CallbackInfo &info);
  Napi::Value Details(const Napi::CallbackInfo &info);
  Napi::Value Search(const Napi::CallbackInfo &info);
  Repo *RepoFor(const std::string &name);
  void DropFromConsidered(Repo *repo, const std::vector<std::string> &patterns, bool keepMatching);

  PoolOwner pool_;
  std::map<std::string, Repo *> repos_;
  bool prepared_ = false;
};

// What shall be true of the system afterwards.
class Goal : public Napi::ObjectWrap<Goal> {
 public:
  static void Init(Napi::Env env, Napi::Object exports);
  explicit Goal(const Napi::CallbackInfo &info);

 private:
  Napi::Value Install(const Napi::CallbackInfo &info);
  Napi::Value InstallPackage(const Napi::CallbackInfo &info);
  Napi::Value InstallDependency(const Napi::CallbackInfo &info);
  Napi::Value Erase(const Napi::CallbackInfo &info);
  void LockInstalled(const Napi::CallbackInfo &info);
  Napi::Value Run(const Napi::CallbackInfo &info);
  Napi::Value AddJob(Napi::Env env, QueueOwner &selection, int action);
  Napi::Array JobResults(Napi::Env env, Transaction *transaction);

  Sack *sack_ = nullptr;
  Napi::ObjectReference sackReference_;
  QueueOwner jobs_;
  // The handle of each pair in jobs_; -1 for a lock.
  std::vector<int> handleOfJob_;
  // For each handle given out, the packages that can satisfy it.
  std::vector<std::vector<Id>> candidates_;
};

// {name, epoch, version, release, arch, repo, installed}
Napi::Object PackageObject(Napi::Env env, Pool *pool, Solvable *solvable);
// The problems of a solver that found no solution: a list of lists of rules. `handleOfJob` tells whose job a rule is.
Napi::Array ProblemObjects(Napi::Env env, Solver *solver, const std::vector<int> &handleOfJob);
// The packages of the compact form that native/solver.ts describes. Throws std::runtime_error on malformed input.
int AddPackedPackages(Repo *repo, const uint8_t *data, size_t size);

void InitMetadata(Napi::Env env, Napi::Object exports);
void InitTestcase(Napi::Env env, Napi::Object exports);

}  // namespace solver
