#include "stored-tree.h"

#include <endian.h>

#include <algorithm>

namespace addon {
namespace {

// As ostree has it: larger metadata objects are refused.
constexpr off_t kMaxMetadata = 128 << 20;

size_t OffsetWidth(size_t size) { return size <= 0xff ? 1 : size <= 0xffff ? 2 : 4; }

// A framing offset of GVariant: little-endian, `width` bytes at `at`.
size_t OffsetAt(View bytes, size_t at, size_t width) {
  if (at > bytes.size() || width > bytes.size() - at) throw Malformed{};
  size_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The elements of an array whose elements vary in size: their ends stand in a table at its end.
template <typename Visit>
void EachElement(View array, Visit visit) {
  if (array.empty()) return;
  size_t width = OffsetWidth(array.size());
  if (array.size() < width) throw Malformed{};
  size_t table = OffsetAt(array, array.size() - width, width);
  if (table > array.size() - width || (array.size() - table) % width) throw Malformed{};
  size_t start = 0;
  for (size_t at = table; at < array.size(); at += width) {
    size_t end = OffsetAt(array, at, width);
    if (end < start || end > table) throw Malformed{};
    visit(array.substr(start, end - start));
    start = end;
  }
}

bool IsComponent(View name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == View::npos && name.find('\0') == View::npos;
}

// `(say)` or `(sayay)`: the name; `checksums` is 1 or 2, which stand behind one another at `digests`.
View MembersOf(View element, size_t checksums, View &digests) {
  size_t width = OffsetWidth(element.size());
  if (element.size() < width * checksums) throw Malformed{};
  size_t body = element.size() - width * checksums;
  size_t nameEnd = OffsetAt(element, element.size() - width, width);
  if (nameEnd == 0 || nameEnd + 32 * checksums != body || element[nameEnd - 1] != '\0') throw Malformed{};
  if (checksums == 2 && OffsetAt(element, body, width) != nameEnd + 32) throw Malformed{};
  View name = element.substr(0, nameEnd - 1);
  if (!IsComponent(name)) throw Malformed{};
  digests = element.substr(nameEnd, 32 * checksums);
  return name;
}

std::string ReadObject(int objects, const std::string &path) {
  OwnedFd fd(openat(objects, path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  Must(fd.get(), "open", path);
  struct stat st;
  Must(fstat(fd.get(), &st), "stat", path);
  if (!S_ISREG(st.st_mode) || st.st_size > kMaxMetadata) throw Failure{EBADMSG, "read", path};
  std::string bytes(st.st_size, '\0');
  if (ReadFull(fd.get(), bytes.data(), bytes.size(), path) != bytes.size()) throw Failure{EBADMSG, "read", path};
  return bytes;
}

// `(ayay)`: a name that ends in NUL, and a value.
void PackXattr(Packer &out, View element) {
  size_t width = OffsetWidth(element.size());
  if (element.size() < width) throw Malformed{};
  size_t body = element.size() - width;
  size_t nameEnd = OffsetAt(element, body, width);
  if (nameEnd < 2 || nameEnd > body || nameEnd > UINT16_MAX || element.find('\0') != nameEnd - 1) throw Malformed{};
  if (!IsUtf8(element.substr(0, nameEnd - 1))) throw Malformed{};
  out.Bytes16(element.substr(0, nameEnd - 1));
  out.Bytes32(element.substr(nameEnd, body - nameEnd));
}

uint32_t BigEndian(View bytes) {
  uint32_t value;
  memcpy(&value, bytes.data(), sizeof value);
  return be32toh(value);
}

}  // namespace

bool IsUtf8(View text) {
  for (size_t at = 0; at < text.size();) {
    auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u; };
    unsigned first = byte(0);
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length == 0) return false;
    unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf)
      if (byte(i) < low || byte(i) > high) return false;
    at += length;
  }
  return true;
}

Digest DigestOf(View bytes) {
  Digest digest;
  if (bytes.size() != digest.size()) throw Failure{EINVAL, "digest", ""};
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

Dirtree ParseDirtree(View bytes) {
  Dirtree tree;
  size_t width = OffsetWidth(bytes.size());
  if (bytes.size() < width) throw Malformed{};
  size_t end = bytes.size() - width, split = OffsetAt(bytes, end, width);
  if (split > end) throw Malformed{};
  EachElement(bytes.substr(0, split), [&](View element) {
    View digests, name = MembersOf(element, 1, digests);
    tree.files.push_back({name, digests});
  });
  EachElement(bytes.substr(split, end - split), [&](View element) {
    View digests, name = MembersOf(element, 2, digests);
    tree.directories.push_back({name, digests.substr(0, 32), digests.substr(32)});
  });
  return tree;
}

StoredTree::StoredTree(int objects, const Digest &digest) {
  std::string path = DigestPath(View(digest.data(), digest.size()), ".dirtree");
  bytes_ = ReadObject(objects, path);
  try {
    tree_ = ParseDirtree(bytes_);
  } catch (const Malformed &) {
    throw Failure{EBADMSG, "read", path};
  }
}

StoredMeta ReadStoredMeta(int objects, const Digest &digest) {
  constexpr size_t kNumbers = 12;
  std::string path = DigestPath(View(digest.data(), digest.size()), ".dirmeta");
  std::string bytes = ReadObject(objects, path);
  try {
    View all(bytes);
    if (all.size() < kNumbers) throw Malformed{};
    StoredMeta meta{BigEndian(all.substr(8)), BigEndian(all), BigEndian(all.substr(4)), ""};
    if ((meta.mode & S_IFMT) != S_IFDIR || meta.mode & ~(S_IFMT | 07777)) throw Malformed{};
    Packer xattrs;
    EachElement(all.substr(kNumbers), [&](View element) { PackXattr(xattrs, element); });
    meta.xattrs = xattrs.data();
    return meta;
  } catch (const Malformed &) {
    throw Failure{EBADMSG, "read", path};
  }
}

}  // namespace addon
