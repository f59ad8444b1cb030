// rm -rf that never follows a symlink, stays on one mount and clears immutable flags.
#pragma once
#include <string>

namespace addon {

// Removes `name` below the directory `dir` and everything in it. Returns 0, or an errno with the path in `failed`.
// Nothing there is success. A file on another mount ends it with EXDEV.
int RemoveTree(int dir, const std::string &name, std::string &failed);

}  // namespace addon
