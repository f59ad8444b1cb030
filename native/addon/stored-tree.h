// The metadata objects of a stored tree, read and checked where they lie: dirtrees and dirmetas of an OSTree repository.
#pragma once
#include <array>

#include "batch.h"

namespace addon {

using Digest = std::array<char, 32>;

Digest DigestOf(View bytes);

// Thrown by the readers below where bytes are not what they should be.
struct Malformed {};

struct StoredFile {
  View name, digest;
};

struct StoredDirectory {
  View name, contents, meta;
};

// A dirtree, `(a(say)a(sayay))`, as views into its bytes, in their order. Names are checked: one component each, neither
// `.` nor `..`.
struct Dirtree {
  std::vector<StoredFile> files;
  std::vector<StoredDirectory> directories;
};

// Throws Malformed.
Dirtree ParseDirtree(View bytes);

// Well-formed as Unicode's table 3-7 has it: neither overlong forms nor surrogates.
bool IsUtf8(View text);

// A dirtree object.
class StoredTree {
 public:
  // `objects` is the directory of the objects. Throws a Failure that names the object; EBADMSG where it is malformed.
  StoredTree(int objects, const Digest &digest);
  const std::vector<StoredFile> &files() const { return tree_.files; }
  const std::vector<StoredDirectory> &directories() const { return tree_.directories; }

 private:
  std::string bytes_;
  Dirtree tree_;
};

// A dirmeta object, `(uuua(ayay))` with big-endian numbers.
struct StoredMeta {
  uint32_t mode, uid, gid;
  // As SetFileXattrs takes them.
  std::string xattrs;
};

StoredMeta ReadStoredMeta(int objects, const Digest &digest);

}  // namespace addon
