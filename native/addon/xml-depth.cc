#include "xml-depth.h"
#include <cstring>

namespace solver {
namespace {

constexpr uint32_t Letters(const char *text) {
  uint32_t value = 0;
  for (; *text != 0; text++) value = value << 8 | static_cast<unsigned char>(*text);
  return value;
}

constexpr uint32_t kTwo = 0xffff, kThree = 0xffffff;

const char *Find(const char *at, char what, const char *end) {
  const void *found = memchr(at, what, end - at);
  return found == nullptr ? end : static_cast<const char *>(found);
}

bool EndsName(char c) { return c == '>' || c == '/' || c == '"' || c == '\''; }

}  // namespace

std::string XmlDepth::Follow(const char *text, size_t count, uint64_t most) {
  const char *end = text + count;
  for (const char *at = Skip(text, end); at < end; at = Skip(at + 1, end)) {
    Step(*at);
    if (place_ == Place::kDeclaration) return "declares a document type or entities";
    if (open_ > most) return "has elements nested more than " + std::to_string(most) + " deep";
  }
  return "";
}

const char *XmlDepth::Skip(const char *at, const char *end) const {
  switch (place_) {
    case Place::kText: return Find(at, '<', end);
    case Place::kQuoted: return Find(at, quote_, end);
    case Place::kEndTag: return Find(at, '>', end);
    case Place::kTag:
      while (at < end && !EndsName(*at)) at++;
      return at;
    default: return at;
  }
}

void XmlDepth::Step(char c) {
  switch (place_) {
    case Place::kText:
      place_ = Place::kTagBegins;
      return;
    case Place::kTagBegins:
      place_ = c == '/' ? Place::kEndTag : c == '?' ? Place::kInstruction : c == '!' ? Place::kMarkup : Place::kTag;
      last_ = 0;
      if (place_ == Place::kTag) open_ += 1;
      return;
    case Place::kSlash:
      if (c == '>' && open_ > 0) open_ -= 1;
      [[fallthrough]];
    case Place::kTag:
      quote_ = c;
      place_ = c == '>' ? Place::kText : c == '/' ? Place::kSlash : c == '"' || c == '\'' ? Place::kQuoted : Place::kTag;
      return;
    case Place::kQuoted:
      place_ = Place::kTag;
      return;
    case Place::kEndTag:
      if (open_ > 0) open_ -= 1;
      place_ = Place::kText;
      return;
    default:
      StepMarkup(c);
  }
}

// Comments and the like, which no metadata has many of.
void XmlDepth::StepMarkup(char c) {
  last_ = last_ << 8 | static_cast<unsigned char>(c);
  if (place_ == Place::kMarkup) {
    place_ = last_ == Letters("--") ? Place::kComment : last_ == Letters("[C") ? Place::kData : place_;
    if (place_ == Place::kMarkup && last_ != Letters("-") && last_ != Letters("[")) place_ = Place::kDeclaration;
    // The hyphens that begin a comment do not end it.
    if (place_ != Place::kMarkup) last_ = 0;
    return;
  }
  bool ends = (place_ == Place::kComment && (last_ & kThree) == Letters("-->")) ||
              (place_ == Place::kData && (last_ & kThree) == Letters("]]>")) ||
              (place_ == Place::kInstruction && (last_ & kTwo) == Letters("?>"));
  if (ends) place_ = Place::kText;
}

}  // namespace solver
