#include "xml-scanner.h"
#include "xml-characters.h"
#include <algorithm>
#include <cstring>

namespace solver {
namespace {

constexpr size_t kReadSize = 1 << 18;
// Of what has to be kept until it ends: a tag, a comment, a text.
constexpr size_t kMostText = 8 << 20;
constexpr size_t kMostDepth = 100;
constexpr size_t kMostAttributes = 100;

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

__attribute__((optimize("O3"))) uint32_t CountLines(const char *begin, const char *end) {
  uint32_t count = 0;
  for (; begin < end; begin++) count += *begin == '\n';
  return count;
}

}  // namespace

void XmlScanner::Malformed(const char *how) { throw XmlFault(std::string("is not well-formed: ") + how); }

void XmlScanner::Scan() {
  Declaration();
  for (;;) {
    TextUntilMarkup();
    if (!Have(1)) break;
    Markup();
  }
  if (!open_.empty()) Malformed("an element does not end");
  if (!hasRoot_) Malformed("no element");
}

// Reads on; what is from `at_` on stays. @returns whether there was more
bool XmlScanner::More() {
  if (ended_) return false;
  if (end_ - at_ > kMostText) throw XmlFault("has a text of more than " + std::to_string(kMostText) + " bytes");
  Line();
  if (end_ > at_) memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
  end_ -= at_;
  at_ = counted_ = 0;
  if (buffer_.size() < end_ + kReadSize) buffer_.resize(end_ + kReadSize);
  size_t count = fread(buffer_.data() + end_, 1, kReadSize, file_);
  end_ += count;
  ended_ = count == 0;
  return count > 0;
}

uint32_t XmlScanner::Line() {
  if (counted_ < at_) lines_ += CountLines(buffer_.data() + counted_, buffer_.data() + at_);
  counted_ = std::max(counted_, at_);
  return lines_;
}

uint32_t XmlScanner::Column() const {
  size_t from = at_;
  while (from > 0 && buffer_[from - 1] != '\n') from--;
  return static_cast<uint32_t>(at_ - from);
}

bool XmlScanner::Have(size_t count) {
  while (end_ - at_ < count)
    if (!More()) return false;
  return true;
}

// Where `what` is, counted from `at_`, as is `from`. Throws where it does not come.
size_t XmlScanner::Find(std::string_view what, size_t from) {
  for (;;) {
    size_t have = end_ - at_;
    if (from < have) {
      const char *begin = buffer_.data() + at_;
      const void *found = memmem(begin + from, have - from, what.data(), what.size());
      if (found) return static_cast<const char *>(found) - begin;
      from = std::max(from, have - std::min(have, what.size() - 1));
    }
    if (!More()) Malformed("the end comes within a tag");
  }
}

void XmlScanner::Declaration() {
  if (Have(3) && memcmp(&buffer_[at_], "\xef\xbb\xbf", 3) == 0) at_ += 3;
  if (Have(2) && KindOf(buffer_[at_]) == kHigh) throw XmlFault("is not in UTF-8");
  if (!Have(6) || memcmp(&buffer_[at_], "<?xml", 5) != 0 || !IsBlank(buffer_[at_ + 5])) return;
  size_t end = Find("?>", 6);
  attributes_.clear();
  valuesUsed_ = 0;
  size_t at = 5;
  while (at < end) {
    size_t before = at;
    while (at < end && IsBlank(buffer_[at_ + at])) at++;
    if (at == end) break;
    if (at == before || !Attribute(&at) || at > end) Malformed("the XML declaration");
  }
  size_t next = 0;
  for (std::string_view name : {"version", "encoding", "standalone"}) {
    if (next == attributes_.size() || attributes_[next].name != name) {
      if (name == "version") Malformed("the XML declaration");
      continue;
    }
    std::string_view value = attributes_[next++].value;
    if (name == "version" && (value.empty() || !std::all_of(value.begin(), value.end(), [](char c) { return IsInName(c) && KindOf(c) != kHigh; })))
      Malformed("the XML declaration");
    if (name == "encoding" && !EqualsIgnoringCase(value, "utf-8") && !EqualsIgnoringCase(value, "us-ascii"))
      throw XmlFault("is in the encoding " + std::string(value.substr(0, 40)) + ", and only UTF-8 is read");
    if (name == "standalone" && value != "yes" && value != "no") Malformed("the XML declaration");
  }
  if (next != attributes_.size() || valuesUsed_ > 0) Malformed("the XML declaration");
  at_ += end + 2;
}

void XmlScanner::TextUntilMarkup() {
  const char *found = nullptr;
  size_t from = 0;
  for (;;) {
    size_t have = end_ - at_;
    found = static_cast<const char *>(have > from ? memchr(&buffer_[at_ + from], '<', have - from) : nullptr);
    from = have;
    if (found || !More()) break;
  }
  const char *begin = buffer_.data() + at_, *end = found ? found : buffer_.data() + end_;
  if (open_.empty() && !std::all_of(begin, end, IsBlank)) Malformed("text outside of all elements");
  if (!open_.empty()) Text(begin, end, true);
  at_ = end - buffer_.data();
}

// Hands over a text. `references`: not that of a CDATA section.
void XmlScanner::Text(const char *begin, const char *end, bool references) {
  const char *run = begin;
  auto hand = [&](const char *until) {
    if (until > run) handler_.Text({run, static_cast<size_t>(until - run)});
  };
  for (const char *at = begin; at < end;) {
    if (kSimpleInText[static_cast<uint8_t>(*at)]) {
      at++;
    } else if (KindOf(*at) == kHigh) {
      size_t length = SequenceLength(at, end);
      if (length == 0) Malformed("not UTF-8");
      at += length;
    } else if (*at == '\r') {
      hand(at);
      handler_.Text("\n");
      at += at + 1 < end && at[1] == '\n' ? 2 : 1;
      run = at;
    } else if (*at == '&' && references) {
      hand(at);
      std::string text;
      at = Reference(at, end, text);
      handler_.Text(text);
      run = at;
    } else if (KindOf(*at) == kNever || (references && end - at >= 3 && memcmp(at, "]]>", 3) == 0)) {
      Malformed("a character that no text may hold");
    } else {
      at++;
    }
  }
  hand(end);
}

// Appends what a reference stands for. @returns its end
const char *XmlScanner::Reference(const char *at, const char *end, std::string &out) const {
  const char *stop = static_cast<const char *>(memchr(at, ';', std::min<size_t>(end - at, 64)));
  if (!stop) Malformed("a reference that does not end");
  std::string_view name(at + 1, stop - at - 1);
  if (name.size() > 1 && name[0] == '#') {
    bool hex = name[1] == 'x';
    std::string_view digits = name.substr(hex ? 2 : 1);
    uint32_t code = 0;
    for (char c : digits) {
      int digit = c >= '0' && c <= '9' ? c - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) Malformed("a reference to no character");
      code = std::min<uint32_t>(code * (hex ? 16 : 10) + static_cast<uint32_t>(digit), 0x110000);
    }
    if (digits.empty() || !IsCharacter(code)) Malformed("a reference to no character");
    AppendUtf8(out, code);
    return stop + 1;
  }
  constexpr struct { std::string_view name; char is; } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto &one : known)
    if (one.name == name) {
      out.push_back(one.is);
      return stop + 1;
    }
  Malformed("an entity that is not declared");
}

void XmlScanner::Markup() {
  if (!Have(2)) Malformed("the end comes within a tag");
  switch (buffer_[at_ + 1]) {
    case '/': return EndTag();
    case '?': return Instruction();
    case '!': break;
    default: return StartTag();
  }
  if (Have(4) && memcmp(&buffer_[at_], "<!--", 4) == 0) return Comment();
  if (Have(9) && memcmp(&buffer_[at_], "<![CDATA[", 9) == 0) return Characters();
  if (Have(9) && memcmp(&buffer_[at_], "<!DOCTYPE", 9) == 0) throw XmlFault("declares a document type or entities");
  Malformed("a tag of an unknown kind");
}

// The name at `*at`, which is then behind it; '' where there is none.
std::string_view XmlScanner::Name(size_t *at) const {
  const char *begin = buffer_.data() + at_ + *at, *end = buffer_.data() + end_, *stop = begin;
  if (stop < end && IsNameStart(*stop))
    while (stop < end && IsInName(*stop)) stop++;
  *at += stop - begin;
  return {begin, static_cast<size_t>(stop - begin)};
}

void XmlScanner::StartTag() {
  size_t nameEnd, end = 0;
  bool empty = false;
  std::string_view name;
  // As far as the buffer goes, and anew where that is not far enough.
  do {
    nameEnd = 1;
    name = Name(&nameEnd);
    if (name.empty()) Malformed("a tag without a name");
    if (Attributes(nameEnd, &end, &empty)) break;
    if (!More()) Malformed("the end comes within a tag");
  } while (true);
  Check(name.data(), name.data() + name.size());
  Open(name);
  handler_.Begin(name, attributes_);
  at_ += end;
  if (empty) Close();
}

// @returns false where the buffer ends before the tag does
bool XmlScanner::Attributes(size_t at, size_t *end, bool *empty) {
  attributes_.clear();
  valuesUsed_ = 0;
  const size_t have = end_ - at_;
  for (;;) {
    size_t before = at;
    while (at < have && IsBlank(buffer_[at_ + at])) at++;
    if (at == have) return false;
    char c = buffer_[at_ + at];
    *empty = c == '/';
    if (*empty && at + 1 == have) return false;
    if (*empty && buffer_[at_ + at + 1] != '>') Malformed("a tag");
    if (*empty || c == '>') {
      *end = at + (*empty ? 2 : 1);
      return true;
    }
    if (at == before) Malformed("attributes without space between them");
    if (attributes_.size() == kMostAttributes) throw XmlFault("has an element with more than " + std::to_string(kMostAttributes) + " attributes");
    if (!Attribute(&at)) return false;
  }
}

// One attribute, name and value; `*at` is then behind it. @returns false where the buffer ends within it
bool XmlScanner::Attribute(size_t *at) {
  std::string_view name = Name(at);
  const char *begin = buffer_.data() + at_, *end = buffer_.data() + end_, *p = begin + *at;
  auto skipBlanks = [&] {
    while (p < end && IsBlank(*p)) p++;
    return p < end;
  };
  if (p == end) return false;
  if (name.empty()) Malformed("an attribute without a name");
  if (!skipBlanks()) return false;
  if (*p++ != '=') Malformed("an attribute without a value");
  if (!skipBlanks()) return false;
  const char quote = *p++;
  if (quote != '"' && quote != '\'') Malformed("a value without quotes");
  const char *run = p;
  std::string *made = nullptr;
  for (;;) {
    while (p < end && kSimpleInValue[static_cast<uint8_t>(*p)]) p++;
    if (p == end) return false;
    if (*p == quote) break;
    if (*p == '"' || *p == '\'') {
      p++;
    } else if (KindOf(*p) == kHigh) {
      size_t length = SequenceLength(p, end);
      if (length == 0 && end - p >= 4) Malformed("not UTF-8");
      if (length == 0) return false;
      p += length;
    } else if (*p == '&' || IsBlank(*p)) {
      if (*p == '&' ? !memchr(p, ';', end - p) && end - p < 64 : p + 1 == end) return false;
      if (!made) {
        if (valuesUsed_ == values_.size()) values_.emplace_back();
        made = &values_[valuesUsed_++];
        made->clear();
      }
      made->append(run, p - run);
      if (*p == '&') {
        p = Reference(p, end, *made);
      } else {
        // A line end of two bytes is one.
        p += *p == '\r' && p[1] == '\n' ? 2 : 1;
        made->push_back(' ');
      }
      run = p;
    } else {
      Malformed("a character that no value may hold");
    }
  }
  std::string_view value(run, p - run);
  if (made) {
    made->append(value);
    value = *made;
  }
  for (const XmlAttribute &other : attributes_)
    if (other.name == name) Malformed("an attribute twice");
  Check(name.data(), name.data() + name.size());
  attributes_.push_back({name, value});
  *at = p + 1 - begin;
  return true;
}

void XmlScanner::Open(std::string_view name) {
  if (open_.empty() && hasRoot_) Malformed("a second element outside of all");
  if (open_.size() >= kMostDepth) throw XmlFault("has elements nested more than " + std::to_string(kMostDepth) + " deep");
  hasRoot_ = true;
  open_.push_back(names_.size());
  names_.append(name);
}

void XmlScanner::Close() {
  names_.resize(open_.back());
  open_.pop_back();
  handler_.End();
}

void XmlScanner::EndTag() {
  size_t stop = Find(">", 2), at = 2;
  std::string_view name = Name(&at);
  while (at < stop && IsBlank(buffer_[at_ + at])) at++;
  if (at != stop || open_.empty() || names_.compare(open_.back(), std::string::npos, name) != 0)
    Malformed("an end tag that fits no element");
  at_ += stop + 1;
  Close();
}

void XmlScanner::Comment() {
  size_t stop = Find("--", 4);
  if (!Have(stop + 3) || buffer_[at_ + stop + 2] != '>') Malformed("a comment with --");
  Check(&buffer_[at_ + 4], &buffer_[at_ + stop]);
  at_ += stop + 3;
}

void XmlScanner::Characters() {
  if (open_.empty()) Malformed("text outside of all elements");
  size_t stop = Find("]]>", 9);
  Text(&buffer_[at_ + 9], &buffer_[at_ + stop], false);
  at_ += stop + 3;
}

void XmlScanner::Instruction() {
  size_t stop = Find("?>", 2), at = 2;
  std::string_view name = Name(&at);
  if (name.empty() || EqualsIgnoringCase(name, "xml") || at > stop || (at < stop && !IsBlank(buffer_[at_ + at])))
    Malformed("a processing instruction");
  Check(&buffer_[at_ + 2], &buffer_[at_ + stop]);
  at_ += stop + 2;
}

// Throws where there is a byte that no document may hold.
void XmlScanner::Check(const char *begin, const char *end) const {
  for (const char *at = begin; at < end;) {
    size_t length = KindOf(*at) == kHigh ? SequenceLength(at, end) : KindOf(*at) == kNever ? 0 : 1;
    if (length == 0) Malformed("a character that no text may hold");
    at += length;
  }
}

}  // namespace solver
