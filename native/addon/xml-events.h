// XML as libsolv takes it, read on a thread of its own: what its state machine knows of elements becomes events, in order.
#pragma once
#include "block-queue.h"
#include "xml-scanner.h"
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

extern "C" {
#include <solv/queue.h>
#include <solv/solv_xmlparser.h>
}

namespace solver {

// The beginning of an element with its attributes, or the end of one with its text.
struct XmlEvent {
  const solv_xmlparser_element *element;
  // Of an end; null of a beginning.
  const char *text;
  // Of a beginning: its names and values in turn, from there to a null in `attributes`.
  size_t attributes;
  // 0 but of an element about which libsolv may have something to say.
  uint32_t line;
};

// Texts that stay where they are until all are cleared.
class TextStore {
 public:
  const char *Keep(std::string_view text) {
    const size_t needed = text.size() + 1;
    if (needed > left_) Grow(needed);
    char *kept = next_;
    memcpy(kept, text.data(), text.size());
    kept[text.size()] = 0;
    next_ += needed;
    left_ -= needed;
    size_ += needed;
    return kept;
  }
  size_t size() const { return size_; }
  void Clear();

 private:
  void Grow(size_t least);

  std::vector<std::unique_ptr<char[]>> pieces_;
  char *next_ = nullptr;
  size_t left_ = 0, size_ = 0;
};

struct XmlEvents {
  std::vector<XmlEvent> events;
  std::vector<const char *> attributes;
  TextStore texts;
};

// All events have to be taken before it goes.
class XmlReader : private XmlHandler {
 public:
  XmlReader(const solv_xmlparser_element *elements, FILE *file);
  ~XmlReader() override { producer_.join(); }
  XmlReader(const XmlReader &) = delete;
  XmlReader &operator=(const XmlReader &) = delete;

  BlockQueue<XmlEvents> &events() { return queue_; }

  // Why the file was given up, '' where it was not, and where; to be asked after the last event.
  std::string fault;
  uint32_t line = 0, column = 0;

 private:
  struct Known {
    std::string_view name;
    const solv_xmlparser_element *element;
    bool isTold;
  };

  void Produce();
  void Begin(std::string_view name, const std::vector<XmlAttribute> &attributes) override;
  void Text(std::string_view text) override;
  void End() override;
  void HandOverWhenFull();
  const Known *Find(std::string_view name) const;

  // By the state they lead on from.
  std::vector<std::vector<Known>> elements_;
  XmlScanner scanner_;
  BlockQueue<XmlEvents> queue_;
  XmlEvents *block_ = nullptr;

  // The open elements that libsolv knows, and how many are open below the last of them that it does not.
  std::vector<const Known *> open_;
  uint64_t unknown_ = 0;
  bool keepsText_ = false;
  std::string text_;

  std::thread producer_;
};

}  // namespace solver
