// Reads XML 1.0 in UTF-8 without a document type, which is all that metadata may be, in a third of the time that a parser for
// all of XML takes. It refuses what is not well-formed; names are not looked at beyond ASCII.
#pragma once
#include <cstdint>
#include <cstdio>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace solver {

struct XmlAttribute {
  std::string_view name, value;
};

// Told of what a document holds, in order. All that it is given lasts until it returns. It may throw an XmlFault.
class XmlHandler {
 public:
  virtual ~XmlHandler() = default;
  virtual void Begin(std::string_view name, const std::vector<XmlAttribute> &attributes) = 0;
  // Of the element that is open, in as many pieces as it takes.
  virtual void Text(std::string_view text) = 0;
  virtual void End() = 0;
};

// Why a document is refused.
struct XmlFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class XmlScanner {
 public:
  XmlScanner(FILE *file, XmlHandler &handler) : file_(file), handler_(handler) {}
  // To the end of the file. Throws XmlFault.
  void Scan();

  // Where it is: lines from 1, columns from 0.
  uint32_t Line();
  uint32_t Column() const;

 private:
  [[noreturn]] static void Malformed(const char *how);

  bool More();
  bool Have(size_t count);
  size_t Find(std::string_view what, size_t from);
  void Declaration();
  void TextUntilMarkup();
  void Markup();
  void StartTag();
  bool Attributes(size_t at, size_t *end, bool *empty);
  bool Attribute(size_t *at);
  void EndTag();
  void Comment();
  void Characters();
  void Instruction();
  void Text(const char *begin, const char *end, bool references);
  void Check(const char *begin, const char *end) const;
  const char *Reference(const char *at, const char *end, std::string &out) const;
  std::string_view Name(size_t *at) const;
  void Open(std::string_view name);
  void Close();

  FILE *file_;
  XmlHandler &handler_;
  // The part of the file that is not used up begins at `at_`.
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;
  bool ended_ = false;
  // Lines up to `counted_` in the buffer.
  uint32_t lines_ = 1;
  size_t counted_ = 0;
  // The names of the open elements, one after another, and where each begins.
  std::string names_;
  std::vector<size_t> open_;
  bool hasRoot_ = false;
  std::vector<XmlAttribute> attributes_;
  // Values of the present tag that are not as they stand in the file; more of them move none.
  std::deque<std::string> values_;
  size_t valuesUsed_ = 0;
};

}  // namespace solver
