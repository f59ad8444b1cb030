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
  if (!package) return env.Null();
  return PackageObject(env, pool, pool_id2solvable(pool, package));
}

}  // namespace

Napi::Array ProblemObjects(Napi::Env env, Solver *solver) {
  Pool *pool = solver->pool;
  auto problems = Napi::Array::New(env);
  for (Id problem = 1; problem <= static_cast<Id>(solver_problem_count(solver)); problem++) {
    QueueOwner ids;
    solver_findallproblemrules(solver, problem, &ids);
    auto rules = Napi::Array::New(env);
    for (int i = 0; i < ids.size(); i++) {
      Id source = 0, target = 0, dependency = 0;
      SolverRuleinfo type = solver_ruleinfo(solver, ids[i], &source, &target, &dependency);
      auto rule = Napi::Object::New(env);
      rule.Set("type", RuleName(type));
      rule.Set("source", PackageOrNull(env, pool, source));
      rule.Set("target", PackageOrNull(env, pool, target));
      rule.Set("dependency", dependency ? Napi::Value(Napi::String::New(env, pool_dep2str(pool, dependency))) : env.Null());
      rule.Set("text", solver_problemruleinfo2str(solver, type, source, target, dependency));
      rules.Set(rules.Length(), rule);
    }
    problems.Set(problems.Length(), rules);
  }
  return problems;
}

}  // namespace solver
