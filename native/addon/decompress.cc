#include "addon.h"

namespace addon {
void InitDecompress(Napi::Env, Napi::Object) {}
}  // namespace addon
