// indexDirtree: where the entries of a dirtree stand, for readers that want a few of many.
#include "addon.h"
#include "arguments.h"
#include "stored-tree.h"

namespace addon {
namespace {

template <typename Entry>
bool IsSorted(const std::vector<Entry> &entries) {
  for (size_t i = 1; i < entries.size(); i++)
    if (entries[i - 1].name >= entries[i].name) return false;
  return true;
}

// Both lists are sorted.
bool SharesName(const Dirtree &tree) {
  auto file = tree.files.begin();
  for (const StoredDirectory &directory : tree.directories) {
    while (file != tree.files.end() && file->name < directory.name) ++file;
    if (file != tree.files.end() && file->name == directory.name) return true;
  }
  return false;
}

template <typename Entry>
bool AreUtf8(const std::vector<Entry> &entries) {
  for (const Entry &entry : entries)
    if (!IsUtf8(entry.name)) return false;
  return true;
}

bool IsCanonical(const Dirtree &tree) {
  return IsSorted(tree.files) && IsSorted(tree.directories) && !SharesName(tree) && AreUtf8(tree.files) &&
         AreUtf8(tree.directories);
}

}  // namespace

Napi::Value IndexDirtree(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Bytes given = ByteView(env, info[0]);
  View bytes(reinterpret_cast<const char *>(given.data), given.size);
  try {
    Dirtree tree = ParseDirtree(bytes);
    if (bytes.size() > UINT32_MAX || !IsCanonical(tree)) return env.Null();
    auto index = Napi::Uint32Array::New(env, 1 + 2 * (tree.files.size() + tree.directories.size()));
    size_t at = 0;
    auto put = [&](View name) {
      index[at++] = static_cast<uint32_t>(name.data() - bytes.data());
      index[at++] = static_cast<uint32_t>(name.size());
    };
    index[at++] = static_cast<uint32_t>(tree.files.size());
    for (const StoredFile &file : tree.files) put(file.name);
    for (const StoredDirectory &directory : tree.directories) put(directory.name);
    return index;
  } catch (const Malformed &) {
    return env.Null();
  }
}

}  // namespace addon
