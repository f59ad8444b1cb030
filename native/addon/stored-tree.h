// The metadata objects of a stored tree, read and checked where they lie: dirtrees and dirmetas of an OSTree repository.
#pragma once
#include <array>

#include "batch.h"

namespace addon {

using Digest = std::array<char, 32>;

Digest DigestOf(View bytes);

struct StoredFile {
  View name, digest;
};

struct StoredDirectory {
  View name, contents, meta;
};

// A dirtree object, `(a(say)a(sayay))`. Names are checked: one component each, neither `.` nor `..`.
class StoredTree {
 public:
  // `objects` is the directory of the objects. Throws a Failure that names the object; EBADMSG where it is malformed.
  StoredTree(int objects, const Digest &digest);
  const std::vector<StoredFile> &files() const { return files_; }
  const std::vector<StoredDirectory> &directories() const { return directories_; }

 private:
  std::string bytes_;
  std::vector<StoredFile> files_;
  std::vector<StoredDirectory> directories_;
};

// A dirmeta object, `(uuua(ayay))` with big-endian numbers.
struct StoredMeta {
  uint32_t mode, uid, gid;
  // As SetFileXattrs takes them.
  std::string xattrs;
};

StoredMeta ReadStoredMeta(int objects, const Digest &digest);

}  // namespace addon
