// Goal: the jobs, the run of the solver, and its answer as plain objects (no libsolv number leaves the addon).
#include "solver.h"
#include "arguments.h"
#include <algorithm>
#include <unordered_set>

extern "C" {
#include <solv/chksum.h>
#include <solv/knownid.h>
#include <solv/selection.h>
#include <solv/solvable.h>
}

namespace solver {
namespace {

const char *ReasonName(Solver *solver, Id package) {
  switch (solver_describe_decision(solver, package, nullptr)) {
    case SOLVER_REASON_RESOLVE_JOB: return "job";
    case SOLVER_REASON_WEAKDEP:
    case SOLVER_REASON_RECOMMENDED:
    case SOLVER_REASON_SUPPLEMENTED: return "weak";
    default: return "dependency";
  }
}

Napi::Object StepObject(Napi::Env env, Pool *pool, Id package) {
  Solvable *solvable = pool_id2solvable(pool, package);
  Napi::Object step = PackageObject(env, pool, solvable);
  Id type = 0;
  const char *digest = solvable_lookup_checksum(solvable, SOLVABLE_CHECKSUM, &type);
  const char *location = solvable_lookup_location(solvable, nullptr);
  const char *base = solvable_lookup_str(solvable, SOLVABLE_MEDIABASE);
  step.Set("location", location ? location : "");
  if (base) step.Set("locationBase", base);
  step.Set("checksumType", digest ? solv_chksum_type2str(type) : "");
  step.Set("checksum", digest ? digest : "");
  step.Set("packageSize", static_cast<double>(solvable_lookup_num(solvable, SOLVABLE_DOWNLOADSIZE, 0)));
  step.Set("installedSize", static_cast<double>(solvable_lookup_num(solvable, SOLVABLE_INSTALLSIZE, 0)));
  step.Set("buildTime", static_cast<double>(solvable_lookup_num(solvable, SOLVABLE_BUILDTIME, 0)));
  return step;
}

void SetFlags(Solver *solver, bool weakDependencies) {
  solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, weakDependencies ? 0 : 1);
  // Installed packages that no repository has any more stay; renamed packages come by their Obsoletes, as in dnf.
  solver_set_flag(solver, SOLVER_FLAG_KEEP_ORPHANS, 1);
  solver_set_flag(solver, SOLVER_FLAG_YUM_OBSOLETES, 1);
  solver_set_flag(solver, SOLVER_FLAG_BEST_OBEY_POLICY, 1);
  solver_set_flag(solver, SOLVER_FLAG_ALLOW_VENDORCHANGE, 1);
}

}  // namespace

void Goal::Init(Napi::Env env, Napi::Object exports) {
  exports.Set("Goal", DefineClass(env, "Goal",
                                  {
                                      InstanceMethod<&Goal::Install>("install"),
                                      InstanceMethod<&Goal::InstallPackage>("installPackage"),
                                      InstanceMethod<&Goal::InstallDependency>("installDependency"),
                                      InstanceMethod<&Goal::Erase>("erase"),
                                      InstanceMethod<&Goal::LockInstalled>("lockInstalled"),
                                      InstanceMethod<&Goal::Run>("run"),
                                  }));
}

Goal::Goal(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Goal>(info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "a Goal is made from a Sack");
  sackReference_ = Napi::Persistent(info[0].As<Napi::Object>());
  sack_ = Sack::Unwrap(info[0].As<Napi::Object>());
  if (!sack_) throw Napi::TypeError::New(info.Env(), "a Goal is made from a Sack");
}

// Adds the selection as jobs; the handle to look its outcome up by, or null where nothing was selected.
Napi::Value Goal::AddJob(Napi::Env env, QueueOwner &selection, int action) {
  if (selection.size() == 0) return env.Null();
  QueueOwner packages;
  selection_solvables(sack_->pool(), &selection, &packages);
  if (packages.size() == 0) return env.Null();
  for (int i = 0; i + 1 < selection.size(); i += 2) {
    queue_push2(&jobs_, selection[i] | action, selection[i + 1]);
    handleOfJob_.push_back(static_cast<int>(candidates_.size()));
  }
  std::vector<Id> candidates;
  for (int i = 0; i < packages.size(); i++) candidates.push_back(packages[i]);
  candidates_.push_back(std::move(candidates));
  return Napi::Number::New(env, candidates_.size() - 1);
}

// install(spec, weak): a handle, or null where no package matches.
Napi::Value Goal::Install(const Napi::CallbackInfo &info) {
  QueueOwner selection;
  sack_->Select(addon::Text(info, 0), 0, selection);
  return AddJob(info.Env(), selection, SOLVER_INSTALL | (addon::Bool(info, 1) ? SOLVER_WEAK : 0));
}

// installPackage(repo, location): exactly this package of this repository.
Napi::Value Goal::InstallPackage(const Napi::CallbackInfo &info) {
  sack_->Prepare();
  Pool *pool = sack_->pool();
  Repo *repo = sack_->FindRepo(addon::Text(info, 0));
  std::string location = addon::Text(info, 1);
  QueueOwner selection;
  Id id;
  Solvable *solvable;
  if (repo) {
    FOR_REPO_SOLVABLES(repo, id, solvable) {
      const char *place = solvable_lookup_location(solvable, nullptr);
      if (place && location == place) queue_push2(&selection, SOLVER_SOLVABLE, id);
    }
  }
  return AddJob(info.Env(), selection, SOLVER_INSTALL);
}

// installDependency(dependency): that this dependency, a rich one maybe, holds; null where it is malformed.
Napi::Value Goal::InstallDependency(const Napi::CallbackInfo &info) {
  sack_->Prepare();
  Id dependency = RichDependency(sack_->pool(), addon::Text(info, 0).c_str());
  if (!dependency) return info.Env().Null();
  // The providers are looked up now, before the solver takes its snapshot of them.
  pool_whatprovides(sack_->pool(), dependency);
  queue_push2(&jobs_, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES | (addon::Bool(info, 1) ? SOLVER_WEAK : 0), dependency);
  handleOfJob_.push_back(static_cast<int>(candidates_.size()));
  candidates_.emplace_back();
  return Napi::Number::New(info.Env(), candidates_.size() - 1);
}

// erase(spec): a handle, or null where no installed package matches.
Napi::Value Goal::Erase(const Napi::CallbackInfo &info) {
  QueueOwner selection;
  sack_->Select(addon::Text(info, 0), SELECTION_INSTALLED_ONLY, selection);
  return AddJob(info.Env(), selection, SOLVER_ERASE);
}

// lockInstalled(): every installed package that no erase job names stays exactly as it is.
void Goal::LockInstalled(const Napi::CallbackInfo &) {
  sack_->Prepare();
  Pool *pool = sack_->pool();
  if (!pool->installed) return;
  std::unordered_set<Id> leaving;
  for (int i = 0; i + 1 < jobs_.size(); i += 2) {
    if ((jobs_[i] & SOLVER_JOBMASK) != SOLVER_ERASE) continue;
    QueueOwner one, packages;
    queue_push2(&one, jobs_[i] & SOLVER_SELECTMASK, jobs_[i + 1]);
    selection_solvables(pool, &one, &packages);
    for (int k = 0; k < packages.size(); k++) leaving.insert(packages[k]);
  }
  Id id;
  Solvable *solvable;
  FOR_REPO_SOLVABLES(pool->installed, id, solvable) {
    if (leaving.count(id)) continue;
    queue_push2(&jobs_, SOLVER_LOCK | SOLVER_SOLVABLE, id);
    handleOfJob_.push_back(-1);
  }
}

// run(weakDependencies): {kind: 'solution', install, remove, jobs} or {kind: 'problems', problems}.
Napi::Value Goal::Run(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  bool weakDependencies = addon::Bool(info, 0);
  sack_->Prepare();
  Pool *pool = sack_->pool();
  SolverOwner solver(solver_create(pool));
  SetFlags(solver.get(), weakDependencies);
  auto answer = Napi::Object::New(env);
  if (solver_solve(solver.get(), &jobs_) != 0) {
    answer.Set("kind", "problems");
    answer.Set("problems", ProblemObjects(env, solver.get(), handleOfJob_));
    return answer;
  }
  TransactionOwner transaction(solver_create_transaction(solver.get()));
  transaction_order(transaction.get(), 0);
  auto install = Napi::Array::New(env), remove = Napi::Array::New(env);
  for (int i = 0; i < transaction->steps.count; i++) {
    Id package = transaction->steps.elements[i];
    Solvable *solvable = pool_id2solvable(pool, package);
    if (solvable->repo == pool->installed) {
      remove.Set(remove.Length(), PackageObject(env, pool, solvable));
      continue;
    }
    Napi::Object step = StepObject(env, pool, package);
    step.Set("reason", ReasonName(solver.get(), package));
    install.Set(install.Length(), step);
  }
  answer.Set("kind", "solution");
  answer.Set("install", install);
  answer.Set("remove", remove);
  answer.Set("jobs", JobResults(env, transaction.get()));
  return answer;
}

// For each handle: the positions in `install` of the packages it brought, and the installed packages that satisfy it.
Napi::Array Goal::JobResults(Napi::Env env, Transaction *transaction) {
  Pool *pool = sack_->pool();
  std::vector<std::pair<Id, int>> position;
  for (int i = 0; i < transaction->steps.count; i++)
    if (pool_id2solvable(pool, transaction->steps.elements[i])->repo != pool->installed)
      position.emplace_back(transaction->steps.elements[i], static_cast<int>(position.size()));
  std::sort(position.begin(), position.end());
  auto jobs = Napi::Array::New(env, candidates_.size());
  for (size_t job = 0; job < candidates_.size(); job++) {
    auto brought = Napi::Array::New(env), present = Napi::Array::New(env);
    for (Id candidate : candidates_[job]) {
      auto found = std::lower_bound(position.begin(), position.end(), std::make_pair(candidate, -1));
      if (found != position.end() && found->first == candidate) brought.Set(brought.Length(), found->second);
      Solvable *solvable = pool_id2solvable(pool, candidate);
      if (pool->installed && solvable->repo == pool->installed) present.Set(present.Length(), PackageObject(env, pool, solvable));
    }
    auto outcome = Napi::Object::New(env);
    outcome.Set("brought", brought);
    outcome.Set("present", present);
    jobs.Set(static_cast<uint32_t>(job), outcome);
  }
  return jobs;
}

}  // namespace solver
