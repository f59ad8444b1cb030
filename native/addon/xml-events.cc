#include "xml-events.h"
#include "solver.h"
#include <algorithm>
#include <cstring>

namespace solver {
namespace {

// Of one block of events, about.
constexpr size_t kBlockText = 1 << 18;
constexpr size_t kPieceSize = kBlockText + (1 << 14);
constexpr size_t kMostText = 8 << 20;

// libsolv reads a dependency in parentheses by calling itself for those within, to the end of the stack.
bool IsDeep(std::string_view value) {
  return !value.empty() && value[0] == '(' && std::count(value.begin(), value.end(), '(') > static_cast<ptrdiff_t>(kMostParentheses);
}

}  // namespace

void TextStore::Clear() {
  // The first is of the usual size, and taken again.
  if (pieces_.size() > 1) pieces_.resize(1);
  next_ = pieces_.empty() ? nullptr : pieces_[0].get();
  left_ = pieces_.empty() ? 0 : kPieceSize;
  size_ = 0;
}

void TextStore::Grow(size_t least) {
  left_ = std::max(least, kPieceSize);
  // Not cleared: all of it is written before it is read.
  pieces_.emplace_back(new char[left_]);
  next_ = pieces_.back().get();
}

XmlReader::XmlReader(const solv_xmlparser_element *elements, FILE *file) : scanner_(file, *this) {
  for (const solv_xmlparser_element *one = elements; one->element; one++) {
    if (elements_.size() <= static_cast<size_t>(one->fromstate)) elements_.resize(one->fromstate + 1);
    // libsolv may have something to say, with the line, about checksums alone.
    elements_[one->fromstate].push_back({one->element, one, strcmp(one->element, "checksum") == 0});
  }
  producer_ = std::thread([this] { Produce(); });
}

void XmlReader::Produce() {
  block_ = queue_.Free();
  try {
    scanner_.Scan();
  } catch (const XmlFault &found) {
    fault = found.what();
    line = scanner_.Line();
    column = scanner_.Column();
  }
  queue_.HandOver();
  queue_.End();
}

const XmlReader::Known *XmlReader::Find(std::string_view name) const {
  size_t state = open_.empty() ? 0 : open_.back()->element->tostate;
  if (state >= elements_.size()) return nullptr;
  for (const Known &one : elements_[state])
    if (one.name == name) return &one;
  return nullptr;
}

void XmlReader::HandOverWhenFull() {
  if (block_->texts.size() < kBlockText) return;
  queue_.HandOver();
  block_ = queue_.Free();
}

void XmlReader::Begin(std::string_view name, const std::vector<XmlAttribute> &attributes) {
  const Known *known = unknown_ > 0 ? nullptr : Find(name);
  if (known == nullptr) {
    unknown_ += 1;
    return;
  }
  const solv_xmlparser_element *element = known->element;
  open_.push_back(known);
  keepsText_ = element->docontent;
  text_.clear();
  // An element that changes no state only leads on to those within.
  if (element->tostate == element->fromstate) return;
  // Before it is added: all that is added reaches libsolv.
  for (const XmlAttribute &one : attributes)
    if (IsDeep(one.value)) throw XmlFault("has a dependency with more than " + std::to_string(kMostParentheses) + " parentheses");
  HandOverWhenFull();
  block_->events.push_back({element, nullptr, block_->attributes.size(), known->isTold ? scanner_.Line() : 0});
  for (const XmlAttribute &one : attributes) {
    block_->attributes.push_back(block_->texts.Keep(one.name));
    block_->attributes.push_back(block_->texts.Keep(one.value));
  }
  block_->attributes.push_back(nullptr);
}

void XmlReader::Text(std::string_view text) {
  if (!keepsText_) return;
  text_.append(text);
  if (text_.size() > kMostText) throw XmlFault("has a text of more than " + std::to_string(kMostText) + " bytes");
}

void XmlReader::End() {
  if (unknown_ > 0) {
    unknown_ -= 1;
  } else {
    const auto [name, element, isTold] = *open_.back();
    open_.pop_back();
    if (element->tostate != element->fromstate) {
      HandOverWhenFull();
      block_->events.push_back({element, block_->texts.Keep(text_), 0, isTold ? scanner_.Line() : 0});
    }
  }
  keepsText_ = false;
  text_.clear();
}

}  // namespace solver
