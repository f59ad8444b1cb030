// How deep XML elements lie within each other, told as the text goes by: the parser keeps a record of each open one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace solver {

class XmlDepth {
 public:
  // Why the text so far is refused: more than `most` elements open at a time, or a declaration, which no metadata has and
  // which could hide them. Empty where it is not; what is not well-formed is the parser's to refuse.
  std::string Follow(const char *text, size_t count, uint64_t most);

 private:
  enum class Place { kText, kTagBegins, kTag, kSlash, kQuoted, kEndTag, kMarkup, kDeclaration, kComment, kData, kInstruction };

  // To where something other than the present place begins.
  const char *Skip(const char *at, const char *end) const;
  void Step(char c);
  void StepMarkup(char c);

  Place place_ = Place::kText;
  uint64_t open_ = 0;
  char quote_ = 0;
  // The last characters of what is no element: up to four.
  uint32_t last_ = 0;
};

}  // namespace solver
