// The content of one open file into another.
#pragma once
#include <string>

namespace addon {

// All of `from` (from its offset on) into the empty file `to`: shared extents where the file system can, else copied.
// `source` names the file in a Failure.
void CopyContent(int from, int to, const std::string &source);

// The raw deflate stream at the offset of `from`, undone; it must give exactly `size` bytes.
void InflateContent(int from, int to, double size, const std::string &source);

}  // namespace addon
