// Why there is no solution: each problem as its rules, in words and in parts.
#include "solver.h"

extern "C" {
#include <solv/problems.h>
#include <solv/rules.h>
}

namespace solver {
namespace {

const char *RuleName(SolverRuleinfo type) {
  switch (type) {
    case SOLVER_RULE_PKG_NOT_INSTALLABLE: return "not-installable";
    case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP: return "nothing-provides";
    case SOLVER_RULE_PKG_REQUIRES: return "requires";
    case SOLVER_RULE_PKG_SELF_CONFLICT: return "self-conflict";
    case SOLVER_RULE_PKG_CONFLICTS: return "conflicts";
    case SOLVER_RULE_PKG_SAME_NAME: return "same-name";
    case SOLVER_RULE_PKG_OBSOLETES:
    case SOLVER_RULE_PKG_IMPLICIT_OBSOLETES:
    case SOLVER_RULE_PKG_INSTALLED_OBSOLETES:
    case SOLVER_RULE_YUMOBS: return "obsoletes";
    case SOLVER_RULE_INFARCH: return "inferior-architecture";
    case SOLVER_RULE_JOB: return "job";
    case SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP: return "job-nothing-provides";
    case SOLVER_RULE_UPDATE: return "keep-installed";
    default: return "other";
  }
}

Napi::Value PackageOrNull(Napi::Env env, Pool *pool, Id package) {
  if (package <= 0 || package >= pool->nsolvables || !pool_id2solvable(pool, package)->repo) return env.Null();
  return PackageObject(env, pool, pool_id2solvable(pool, package));
}

// Whose job a job rule is: the handle of a request, or the installed package that a lock keeps.
void SetJob(Napi::Object rule, Solver *solver, Id id, const std::vector<int> &handleOfJob) {
  Napi::Env env = rule.Env();
  rule.Set("handle", env.Null());
  rule.Set("locked", env.Null());
  int position = solver_rule2jobidx(solver, id);
  if (position == 0) return;
  int handle = handleOfJob.at((position - 1) / 2);
  if (handle >= 0) rule.Set("handle", handle);
  Id what = 0;
  Id how = solver_rule2job(solver, id, &what);
  if (handle < 0 && (how & SOLVER_SELECTMASK) == SOLVER_SOLVABLE) rule.Set("locked", PackageOrNull(env, solver->pool, what));
}

}  // namespace

Napi::Array ProblemObjects(Napi::Env env, Solver *solver, const std::vector<int> &handleOfJob) {
  Pool *pool = solver->pool;
  auto problems = Napi::Array::New(env);
  for (Id problem = 1; problem <= static_cast<Id>(solver_problem_count(solver)); problem++) {
    QueueOwner ids;
    solver_findallproblemrules(solver, problem, &ids);
    auto rules = Napi::Array::New(env);
    for (int i = 0; i < ids.size(); i++) {
      Id source = 0, target = 0, dependency = 0;
      SolverRuleinfo type = solver_ruleinfo(solver, ids[i], &source, &target, &dependency);
      bool ofJob = (type & SOLVER_RULE_TYPEMASK) == SOLVER_RULE_JOB;
      auto rule = Napi::Object::New(env);
      rule.Set("type", RuleName(type));
      // Of a job's rule the three numbers are the job, how and what; only of some is `what` a dependency.
      rule.Set("source", ofJob ? env.Null() : PackageOrNull(env, pool, source));
      rule.Set("target", ofJob ? env.Null() : PackageOrNull(env, pool, target));
      bool hasDependency = dependency && (!ofJob || type == SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP);
      rule.Set("dependency", hasDependency ? Napi::Value(Napi::String::New(env, pool_dep2str(pool, dependency))) : env.Null());
      SetJob(rule, solver, ids[i], handleOfJob);
      rule.Set("text", solver_problemruleinfo2str(solver, type, source, target, dependency));
      rules.Set(rules.Length(), rule);
    }
    problems.Set(problems.Length(), rules);
  }
  return problems;
}

}  // namespace solver
