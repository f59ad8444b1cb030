// A metadata file as the XML parser reads it: decompressed on a thread of its own while the parser is at work, and given
// up where it unpacks to what no metadata has.
#pragma once
#include "solver.h"
#include "xml-depth.h"
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace solver {

class MetadataFile {
 public:
  // Throws std::runtime_error where the file cannot be opened.
  explicit MetadataFile(const std::string &path);
  ~MetadataFile();
  MetadataFile(const MetadataFile &) = delete;
  MetadataFile &operator=(const MetadataFile &) = delete;

  FILE *get() const { return outer_.get(); }
  // Throws what was wrong with the content, if anything; to be asked when all is read.
  void ThrowFault() const;

 private:
  static constexpr size_t kBlocks = 4, kBlockSize = 1 << 18;

  void Produce();
  bool Check(const char *buffer, size_t count);
  bool IsDeep(const char *buffer, size_t count);
  ssize_t Read(char *buffer, size_t size);

  std::string path_;
  FileOwner inner_;
  // Of the producer alone.
  uint64_t most_ = 64 << 20, total_ = 0, text_ = 0, open_ = 0;
  XmlDepth depth_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Blocks [read_, written_) hold content, counted from the first; guarded by mutex_, as are the three below.
  size_t read_ = 0, written_ = 0;
  bool ended_ = false, stop_ = false;
  std::string fault_;
  std::vector<char> blocks_[kBlocks];
  // Of the reader alone: how much of the block `read_` it has.
  size_t taken_ = 0;

  std::thread producer_;
  FileOwner outer_;
};

}  // namespace solver
