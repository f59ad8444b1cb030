// The addon `solver`: libsolv behind a Sack of repositories and a Goal of jobs (native/solver.ts is its typed door).
#include "solver.h"

extern "C" {
#include <solv/poolarch.h>
#include <solv/solvversion.h>
}

namespace solver {

void PoolDeleter::operator()(Pool *pool) const {
  if (pool->considered) {
    map_free(pool->considered);
    free(pool->considered);
    pool->considered = nullptr;
  }
  pool_free(pool);
}

PoolOwner NewPool(const char *arch) {
  PoolOwner pool(pool_create());
  // Before anything is added: the distribution's libsolv knows several package formats.
  if (pool_setdisttype(pool.get(), DISTTYPE_RPM) < 0) throw std::runtime_error("libsolv was built without RPM semantics");
  pool_setarch(pool.get(), arch);
  // A disabled package still counts as a provider where the text of a problem is made.
  pool_set_flag(pool.get(), POOL_FLAG_WHATPROVIDESWITHDISABLED, 1);
  // As Fedora builds libsolv: the 32-bit and the 64-bit package of a name are two packages.
  pool_set_flag(pool.get(), POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1);
  return pool;
}

}  // namespace solver

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  solver::Sack::Init(env, exports);
  solver::Goal::Init(env, exports);
  solver::InitMetadata(env, exports);
  solver::InitTestcase(env, exports);
  exports.Set("libsolvVersion", solv_version);
  return exports;
}

NODE_API_MODULE(solver, Init)
