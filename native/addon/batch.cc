#include "addon.h"

namespace addon {
void InitBatch(Napi::Env, Napi::Object) {}
}  // namespace addon
