#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

/// What is done to words in many rooms. Pure functions; nothing depends on the locale of the machine.
namespace api {

/// A to Z become a to z; every other byte stays.
constexpr char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string LowerCase(std::string_view text);

/// The value of a hex digit, 0 to 15; -1 for what is none.
constexpr int HexDigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = LowerCase(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Without the blanks (0x20 only) at both ends. A view into `text`.
std::string_view Trimmed(std::string_view text);

/// `1 file`, `2 files`. `noun` is in the singular, and one to which an s makes the plural.
std::string Counted(std::int64_t count, std::string_view noun);

/// Whether one of the words is that one. Linear: for lists as people write them.
template <class Words>
constexpr bool HasWord(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace api
