// Runs a libsolv test case file and says what testsolv says of it.
#include "solver.h"
#include "arguments.h"
#include <cerrno>
#include <cstring>

extern "C" {
#include <solv/pool.h>
#include <solv/problems.h>
#include <solv/solverdebug.h>
#include <solv/testcase.h>
}

namespace solver {
namespace {

constexpr int kSkipped = 77;

struct Report {
  std::string output, errors;
  int exitCode = 0;
};

void CollectMessage(Pool *, void *report, int type, const char *text) {
  auto *to = static_cast<Report *>(report);
  (type & (SOLV_FATAL | SOLV_ERROR) ? to->errors : to->output) += text;
}

void PrintOutcome(Solver *solver, Queue *jobs, Report &report) {
  int count = solver_solve(solver, jobs);
  if (count == 0) {
    TransactionOwner transaction(solver_create_transaction(solver));
    report.output += "Transaction summary:\n\n";
    transaction_print(transaction.get());
    return;
  }
  report.output += "Found " + std::to_string(count) + " problems:\n";
  for (Id problem = 1; problem <= count; problem++) {
    report.output += "Problem " + std::to_string(problem) + ":\n";
    solver_printprobleminfo(solver, problem);
    report.output += "\n";
    int solutions = static_cast<int>(solver_solution_count(solver, problem));
    for (Id solution = 1; solution <= solutions; solution++) {
      report.output += "Solution " + std::to_string(solution) + ":\n";
      solver_printsolution(solver, problem, solution);
      report.output += "\n";
    }
  }
}

void CompareResult(Solver *solver, Queue *jobs, const char *expected, int flags, Report &report) {
  solver_solve(solver, jobs);
  if ((flags & ~TESTCASE_RESULT_REUSE_SOLVER) == 0) flags |= TESTCASE_RESULT_TRANSACTION | TESTCASE_RESULT_PROBLEMS;
  CString actual(testcase_solverresult(solver, flags));
  CString difference(testcase_resultdiff(expected, actual.get()));
  if (!difference) return;
  report.output += std::string("Results differ:\n") + difference.get();
  report.exitCode = 1;
}

// One file may hold several tests over the same packages; the second and later ones may go on with the first's solver.
void RunTests(Pool *pool, FILE *file, const std::string &path, Report &report) {
  SolverOwner kept;
  int number = 0;
  while (!feof(file)) {
    QueueOwner jobs;
    char *text = nullptr;
    int flags = 0;
    SolverOwner fresh(testcase_read(pool, file, path.c_str(), &jobs, &text, &flags));
    CString expected(text);
    if (!fresh) {
      report.exitCode = flags == kSkipped ? kSkipped : 1;
      return;
    }
    SolverOwner solver = kept ? std::move(kept) : std::move(fresh);
    if (number > 0 || !feof(file)) report.output += "test " + std::to_string(++number) + ":\n";
    if (expected)
      CompareResult(solver.get(), &jobs, expected.get(), flags, report);
    else
      PrintOutcome(solver.get(), &jobs, report);
    if ((flags & static_cast<int>(TESTCASE_RESULT_REUSE_SOLVER)) != 0 && !feof(file)) kept = std::move(solver);
  }
}

// runTestcase(file): {output, errors, exitCode}
Napi::Value RunTestcase(const Napi::CallbackInfo &info) {
  std::string path = addon::Text(info, 0);
  FileOwner file(fopen(path.c_str(), "re"));
  if (!file) throw Napi::Error::New(info.Env(), path + ": " + strerror(errno));
  Report report;
  {
    PoolOwner pool(pool_create());
    pool_setdebugcallback(pool.get(), CollectMessage, &report);
    pool_setdebugmask(pool.get(), pool->debugmask | SOLV_ERROR);
    RunTests(pool.get(), file.get(), path, report);
  }
  auto result = Napi::Object::New(info.Env());
  result.Set("output", report.output);
  result.Set("errors", report.errors);
  result.Set("exitCode", report.exitCode);
  return result;
}

}  // namespace

void InitTestcase(Napi::Env env, Napi::Object exports) {
  exports.Set("runTestcase", Napi::Function::New(env, RunTestcase, "runTestcase"));
}

}  // namespace solver
