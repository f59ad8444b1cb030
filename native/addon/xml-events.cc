#include "xml-events.h"
#include "solver.h"
#include <algorithm>
#include <cstring>

namespace solver {
namespace {

constexpr size_t kReadSize = 1 << 18;
// Of one block of events, about.
constexpr size_t kBlockText = 1 << 18;
// Of what has to be kept until it ends: a tag, a comment, an element's text.
constexpr uint64_t kMostText = 8 << 20;
constexpr uint64_t kMostDepth = 100;

// libsolv reads a dependency in parentheses by calling itself for those within, to the end of the stack.
bool IsDeep(const char *value) {
  return *value == '(' && std::count(value, value + strlen(value), '(') > static_cast<ptrdiff_t>(kMostParentheses);
}

}  // namespace

XmlReader::XmlReader(const solv_xmlparser_element *elements, FILE *file) : file_(file), parser_(XML_ParserCreate(nullptr)) {
  for (const solv_xmlparser_element *one = elements; one->element; one++) {
    if (elements_.size() <= static_cast<size_t>(one->fromstate)) elements_.resize(one->fromstate + 1);
    elements_[one->fromstate].push_back(one);
  }
  XML_SetUserData(parser_, this);
  XML_SetElementHandler(
      parser_, [](void *self, const char *name, const char **attributes) { static_cast<XmlReader *>(self)->Begin(name, attributes); },
      [](void *self, const char *) { static_cast<XmlReader *>(self)->End(); });
  XML_SetCharacterDataHandler(parser_, [](void *self, const char *text, int length) { static_cast<XmlReader *>(self)->Text(text, length); });
  XML_SetStartDoctypeDeclHandler(parser_, [](void *self, const char *, const char *, const char *, int) {
    static_cast<XmlReader *>(self)->Refuse("declares a document type or entities");
  });
  producer_ = std::thread([this] { Produce(); });
}

XmlReader::~XmlReader() {
  producer_.join();
  XML_ParserFree(parser_);
}

void XmlReader::Produce() {
  block_ = queue_.Free();
  while (ParseBlock()) {
  }
  queue_.HandOver();
  queue_.End();
}

// @returns whether there is more
bool XmlReader::ParseBlock() {
  void *buffer = XML_GetBuffer(parser_, kReadSize);
  size_t count = buffer == nullptr ? 0 : fread(buffer, 1, kReadSize, file_);
  read_ += count;
  if (buffer == nullptr || XML_ParseBuffer(parser_, static_cast<int>(count), count == 0) == XML_STATUS_ERROR) {
    if (fault.empty()) Refuse(XML_ErrorString(XML_GetErrorCode(parser_)));
    return false;
  }
  if (read_ - static_cast<uint64_t>(XML_GetCurrentByteIndex(parser_)) > kMostText)
    Refuse("has a text of more than " + std::to_string(kMostText) + " bytes");
  return count > 0 && fault.empty();
}

void XmlReader::Refuse(const std::string &why) {
  if (!fault.empty()) return;
  fault = why;
  line = static_cast<uint32_t>(XML_GetCurrentLineNumber(parser_));
  column = static_cast<uint32_t>(XML_GetCurrentColumnNumber(parser_));
  XML_StopParser(parser_, XML_FALSE);
}

const solv_xmlparser_element *XmlReader::Find(const char *name) const {
  size_t state = open_.empty() ? 0 : open_.back()->tostate;
  if (state >= elements_.size()) return nullptr;
  for (const solv_xmlparser_element *one : elements_[state])
    if (*one->element == *name && strcmp(one->element, name) == 0) return one;
  return nullptr;
}

void XmlReader::Begin(const char *name, const char **attributes) {
  if (open_.size() + unknown_ >= kMostDepth) Refuse("has elements nested more than " + std::to_string(kMostDepth) + " deep");
  if (!fault.empty()) return;
  const solv_xmlparser_element *element = unknown_ > 0 ? nullptr : Find(name);
  if (element == nullptr) {
    unknown_ += 1;
    return;
  }
  open_.push_back(element);
  keepsText_ = element->docontent;
  text_.clear();
  // An element that changes no state only leads on to those within.
  if (element->tostate == element->fromstate) return;
  // Before it is added: all that is added reaches libsolv.
  for (const char **one = attributes; *one; one++)
    if (IsDeep(*one)) return Refuse("has a dependency with more than " + std::to_string(kMostParentheses) + " parentheses");
  XmlEvent &event = Add(element, true);
  event.first = block_->attributes.size();
  for (; *attributes; attributes++) block_->attributes.push_back(Keep(*attributes, strlen(*attributes)));
  event.last = block_->attributes.size();
}

void XmlReader::Text(const char *text, int length) {
  if (!keepsText_) return;
  text_.append(text, length);
  if (text_.size() > kMostText) Refuse("has a text of more than " + std::to_string(kMostText) + " bytes");
}

void XmlReader::End() {
  if (!fault.empty()) return;
  if (unknown_ > 0) {
    unknown_ -= 1;
  } else {
    const solv_xmlparser_element *element = open_.back();
    open_.pop_back();
    if (element->tostate != element->fromstate) {
      XmlEvent &event = Add(element, false);
      event.first = event.last = Keep(text_.data(), text_.size());
    }
  }
  keepsText_ = false;
  text_.clear();
}

XmlEvent &XmlReader::Add(const solv_xmlparser_element *element, bool begins) {
  if (block_->text.size() >= kBlockText) {
    queue_.HandOver();
    block_ = queue_.Free();
  }
  block_->events.push_back({element, begins, static_cast<uint32_t>(XML_GetCurrentLineNumber(parser_)), 0, 0});
  return block_->events.back();
}

size_t XmlReader::Keep(const char *text, size_t length) {
  std::vector<char> &kept = block_->text;
  size_t at = kept.size();
  kept.insert(kept.end(), text, text + length);
  kept.push_back(0);
  return at;
}

}  // namespace solver
