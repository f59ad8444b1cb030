#include "metadata-file.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/stat.h>

extern "C" {
#include <solv/solv_xfopen.h>
}

namespace solver {
namespace {

constexpr uint64_t kMostRatio = 100;
// Of a text between two tags, which the XML parser keeps whole.
constexpr uint64_t kMostText = 8 << 20;
constexpr uint64_t kMostDepth = 100;

const char *NextOf(char wanted, const char *from, const char *end) {
  const void *found = memchr(from, wanted, end - from);
  return found == nullptr ? end : static_cast<const char *>(found);
}

// The next `&#`; an `&` at the end of the block may begin one.
const char *NextReference(const char *from, const char *end) {
  for (const char *at = NextOf('&', from, end); at != end; at = NextOf('&', at + 1, end))
    if (at + 1 == end || at[1] == '#') return at;
  return end;
}

}  // namespace

MetadataFile::MetadataFile(const std::string &path) : path_(path), inner_(solv_xfopen(path.c_str(), "r")) {
  if (!inner_) throw std::runtime_error(path + ": " + strerror(errno));
  struct stat status;
  if (stat(path.c_str(), &status) == 0) most_ = std::max<uint64_t>(most_, kMostRatio * static_cast<uint64_t>(status.st_size));
  cookie_io_functions_t calls = {};
  calls.read = [](void *self, char *buffer, size_t size) { return static_cast<MetadataFile *>(self)->Read(buffer, size); };
  outer_.reset(fopencookie(this, "r", calls));
  if (!outer_) throw std::runtime_error(path + ": " + strerror(errno));
  producer_ = std::thread([this] { Produce(); });
}

MetadataFile::~MetadataFile() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  producer_.join();
}

void MetadataFile::ThrowFault() const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!fault_.empty()) throw std::runtime_error(path_ + ": " + fault_);
}

void MetadataFile::Produce() {
  for (;;) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stop_ || written_ - read_ < kBlocks; });
    if (stop_) return;
    std::vector<char> &block = blocks_[written_ % kBlocks];
    lock.unlock();
    block.resize(kBlockSize);
    size_t count = fread(block.data(), 1, block.size(), inner_.get());
    block.resize(count);
    bool sound = Check(block.data(), count);
    lock.lock();
    if (sound && count > 0) written_ += 1;
    ended_ = !sound || count == 0;
    bool ended = ended_;
    lock.unlock();
    changed_.notify_all();
    if (ended) return;
  }
}

// Whether the reader may have it; the end of the file is. Notes the fault otherwise.
bool MetadataFile::Check(const char *buffer, size_t count) {
  std::string why;
  if (count == 0) {
    if (!ferror(inner_.get())) return true;
    why = "cannot be decompressed";
  }
  total_ += count;
  const void *tag = memrchr(buffer, '<', count);
  text_ = tag == nullptr ? text_ + count : static_cast<uint64_t>(buffer + count - static_cast<const char *>(tag));
  if (std::string fault = depth_.Follow(buffer, count, kMostDepth); !fault.empty()) why = fault;
  if (IsDeep(buffer, count)) why = "has a dependency with more than " + std::to_string(kMostParentheses) + " parentheses";
  if (total_ > most_) why = "unpacks to more than " + std::to_string(most_) + " bytes, a hundred times its size";
  if (text_ > kMostText) why = "has a text of more than " + std::to_string(kMostText) + " bytes";
  if (why.empty()) return true;
  std::lock_guard<std::mutex> lock(mutex_);
  fault_ = why;
  return false;
}

// libsolv reads a dependency in parentheses by calling itself for those within, to the end of the stack. A character
// reference may stand for one.
bool MetadataFile::IsDeep(const char *buffer, size_t count) {
  const char *from = buffer, *end = buffer + count;
  const char *open = NextOf('(', from, end), *reference = NextReference(from, end);
  while (open != end || reference != end) {
    const char *next = std::min(open, reference);
    if (memchr(from, '<', next - from) != nullptr) open_ = 0;
    if (++open_ > kMostParentheses) return true;
    from = next + 1;
    if (next == open) open = NextOf('(', from, end);
    else reference = NextReference(from, end);
  }
  if (memchr(from, '<', end - from) != nullptr) open_ = 0;
  return false;
}

ssize_t MetadataFile::Read(char *buffer, size_t size) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || read_ < written_; });
  if (read_ == written_) {
    if (fault_.empty()) return 0;
    errno = EFBIG;
    return -1;
  }
  const std::vector<char> &block = blocks_[read_ % kBlocks];
  lock.unlock();
  size_t count = std::min(size, block.size() - taken_);
  memcpy(buffer, block.data() + taken_, count);
  taken_ += count;
  if (taken_ < block.size()) return static_cast<ssize_t>(count);
  taken_ = 0;
  lock.lock();
  read_ += 1;
  lock.unlock();
  changed_.notify_all();
  return static_cast<ssize_t>(count);
}

}  // namespace solver
