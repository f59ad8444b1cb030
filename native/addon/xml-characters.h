// What XML 1.0 allows of characters, and what each byte of UTF-8 may mean.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace solver {

enum Kind : uint8_t { kPlain, kBlank, kName, kNameStart, kSyntax, kHigh, kNever };

// Of each byte. kSyntax: what a text or a value cannot simply hold.
constexpr std::array<Kind, 256> MakeKinds() {
  std::array<Kind, 256> kinds = {};
  for (int c = 0; c < 256; c++) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    bool inName = (c >= '0' && c <= '9') || c == '-' || c == '.';
    kinds[c] = c >= 0x80 ? kHigh : letter ? kNameStart : inName ? kName : kPlain;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') kinds[c] = kBlank;
    else if (c < 0x20) kinds[c] = kNever;
    if (c == '&' || c == '<' || c == ']') kinds[c] = kSyntax;
  }
  return kinds;
}
inline constexpr std::array<Kind, 256> kKinds = MakeKinds();

inline Kind KindOf(char c) { return kKinds[static_cast<uint8_t>(c)]; }
inline bool IsBlank(char c) { return KindOf(c) == kBlank; }
inline bool IsNameStart(char c) { return KindOf(c) == kNameStart || KindOf(c) == kHigh; }
inline bool IsInName(char c) { return IsNameStart(c) || KindOf(c) == kName; }

// Whether a text or a value has this byte as it is, and nothing has to be looked at.
constexpr std::array<bool, 256> MakeSimple(bool inValue) {
  std::array<bool, 256> simple = {};
  for (int c = 0; c < 256; c++) {
    Kind kind = kKinds[c];
    simple[c] = kind == kPlain || kind == kName || kind == kNameStart || c == ' ' || (inValue ? c == ']' : c == '\n' || c == '\t');
    if (inValue && (c == '"' || c == '\'')) simple[c] = false;
  }
  return simple;
}
inline constexpr std::array<bool, 256> kSimpleInText = MakeSimple(false), kSimpleInValue = MakeSimple(true);

// The length of the UTF-8 sequence of one character that XML allows; 0 where there is none.
inline size_t SequenceLength(const char *at, const char *end) {
  auto byte = [&](int i) { return at + i < end ? static_cast<uint8_t>(at[i]) : 0u; };
  auto follows = [&](int i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !follows(1)) return 0;
  if (first < 0xe0) return 2;
  if (!follows(2)) return 0;
  if (first < 0xf0) {
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    return first == 0xef && second == 0xbf && byte(2) > 0xbd ? 0 : 3;
  }
  if (!follows(3) || (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return 4;
}

inline bool IsCharacter(uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return code < 0xd800 || (code > 0xdfff && code < 0xfffe) || (code > 0xffff && code < 0x110000);
}

inline void AppendUtf8(std::string &out, uint32_t code) {
  auto add = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  auto follow = [&](int shift) { add(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) return add(code);
  if (code < 0x800) return add(0xc0 | code >> 6), follow(0);
  if (code < 0x10000) return add(0xe0 | code >> 12), follow(6), follow(0);
  add(0xf0 | code >> 18), follow(12), follow(6), follow(0);
}

}  // namespace solver
