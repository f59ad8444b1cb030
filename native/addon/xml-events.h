// XML as libsolv takes it, read on a thread of its own: what its state machine knows of elements becomes events, in order.
#pragma once
#include "block-queue.h"
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

extern "C" {
#include <expat.h>
#include <solv/queue.h>
#include <solv/solv_xmlparser.h>
}

namespace solver {

// The beginning of an element with its attributes, or the end of one with its text.
struct XmlEvent {
  const solv_xmlparser_element *element;
  bool begins;
  uint32_t line;
  // Of a beginning: attributes `first` to `last`, names and values in turn. Of an end: its text, from `first` of `text`.
  size_t first, last;
};

struct XmlEvents {
  std::vector<XmlEvent> events;
  // Where each of them starts in `text`.
  std::vector<size_t> attributes;
  // Texts, each ended by NUL.
  std::vector<char> text;
};

// All events have to be taken before it goes.
class XmlReader {
 public:
  XmlReader(const solv_xmlparser_element *elements, FILE *file);
  ~XmlReader();
  XmlReader(const XmlReader &) = delete;
  XmlReader &operator=(const XmlReader &) = delete;

  BlockQueue<XmlEvents> &events() { return queue_; }

  // Why the file was given up, '' where it was not, and where; to be asked after the last event.
  std::string fault;
  uint32_t line = 0, column = 0;

 private:
  void Produce();
  bool ParseBlock();
  void Begin(const char *name, const char **attributes);
  void End();
  void Text(const char *text, int length);
  void Refuse(const std::string &why);
  XmlEvent &Add(const solv_xmlparser_element *element, bool begins);
  size_t Keep(const char *text, size_t length);
  const solv_xmlparser_element *Find(const char *name) const;

  // By the state they lead on from.
  std::vector<std::vector<const solv_xmlparser_element *>> elements_;
  FILE *file_;
  XML_Parser parser_;
  BlockQueue<XmlEvents> queue_;
  XmlEvents *block_ = nullptr;
  uint64_t read_ = 0;

  // The open elements that libsolv knows, and how many are open below the last of them that it does not.
  std::vector<const solv_xmlparser_element *> open_;
  uint64_t unknown_ = 0;
  bool keepsText_ = false;
  std::string text_;

  std::thread producer_;
};

}  // namespace solver
