// A metadata file as the XML parser reads it: decompressed on a thread of its own while the parser is at work, and given
// up where it unpacks to what no metadata has.
#pragma once
#include "block-queue.h"
#include "solver.h"
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
  // Throws what was wrong with the content, if anything; to be asked when it is read to its end.
  void ThrowFault() const;

 private:
  static constexpr size_t kBlockSize = 1 << 18;

  void Produce();
  std::string FaultOf(size_t count);
  ssize_t Read(char *buffer, size_t size);

  std::string path_;
  FileOwner inner_;
  // Of the producer alone.
  uint64_t most_ = 64 << 20, total_ = 0;
  BlockQueue<std::vector<char>> blocks_;
  // Written by the producer before the end of the blocks, read by others after it.
  std::string fault_;
  // Of the reader alone: how much of the oldest block it has.
  size_t taken_ = 0;

  std::thread producer_;
  FileOwner outer_;
};

}  // namespace solver
