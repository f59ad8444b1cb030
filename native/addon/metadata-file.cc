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

constexpr uint64_t kMostRatio = 100;

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
  blocks_.Stop();
  producer_.join();
}

void MetadataFile::ThrowFault() const {
  if (!fault_.empty()) throw std::runtime_error(path_ + ": " + fault_);
}

void MetadataFile::Produce() {
  while (std::vector<char> *block = blocks_.Free()) {
    block->resize(kBlockSize);
    block->resize(fread(block->data(), 1, block->size(), inner_.get()));
    fault_ = FaultOf(block->size());
    if (block->empty() || !fault_.empty()) break;
    blocks_.HandOver();
  }
  blocks_.End();
}

// Of the next `count` bytes, 0 at the end; '' where there is none.
std::string MetadataFile::FaultOf(size_t count) {
  if (count == 0 && ferror(inner_.get())) return "cannot be decompressed";
  total_ += count;
  if (total_ > most_) return "unpacks to more than " + std::to_string(most_) + " bytes, a hundred times its size";
  return "";
}

ssize_t MetadataFile::Read(char *buffer, size_t size) {
  const std::vector<char> *block = blocks_.Oldest();
  if (block == nullptr) {
    if (fault_.empty()) return 0;
    errno = EFBIG;
    return -1;
  }
  size_t count = std::min(size, block->size() - taken_);
  memcpy(buffer, block->data() + taken_, count);
  taken_ += count;
  if (taken_ == block->size()) {
    taken_ = 0;
    blocks_.GiveBack();
  }
  return static_cast<ssize_t>(count);
}

}  // namespace solver
