#include "api/codec/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/codec/number.h"
#include "api/codec/text.h"

namespace api::codec {
namespace {

constexpr std::string_view kDigits = "0123456789";

/// `word` in lower case, with a capital, or in capitals: the three spellings that YAML knows.
bool IsSpelling(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  const auto upper = [](char letter) { return static_cast<char>(letter - ('a' - 'A')); };
  std::string capital(word);
  capital.front() = upper(capital.front());
  std::string capitals(word);
  std::transform(capitals.begin(), capitals.end(), capitals.begin(), upper);
  return text == word || text == capital || text == capitals;
}

template <std::size_t Size>
bool IsSpellingOf(std::string_view text, const std::array<std::string_view, Size>& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return IsSpelling(text, word); });
}

std::string_view WithoutSign(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text;
}

std::size_t DigitCount(std::string_view text) { return std::min(text.find_first_not_of(kDigits), text.size()); }

/// Digits, perhaps a point and digits, perhaps an exponent; the sign is gone.
bool IsDecimal(std::string_view text) {
  std::size_t digits = DigitCount(text);
  text.remove_prefix(digits);
  if (text.starts_with('.')) {
    const std::size_t behind_point = DigitCount(text.substr(1));
    digits += behind_point;
    text.remove_prefix(1 + behind_point);
  }
  if (digits == 0) return false;
  if (text.empty()) return true;
  if (text.front() != 'e' && text.front() != 'E') return false;
  const std::string_view exponent = WithoutSign(text.substr(1));
  return !exponent.empty() && DigitCount(exponent) == exponent.size();
}

/// Integers of YAML 1.1 that 1.2 reads otherwise: 010, 0o10, 1_000, 0b1.
bool IsDisputedInteger(std::string_view unsigned_text) {
  const bool is_in_another_base = unsigned_text.starts_with("0o") || unsigned_text.starts_with("0b");
  const bool has_leading_zero = unsigned_text.size() > 1 && unsigned_text.front() == '0';
  if (unsigned_text.empty() || kDigits.find(unsigned_text.front()) == std::string_view::npos) return false;
  const bool is_grouped = unsigned_text.find_first_not_of("0123456789_") == std::string_view::npos &&
                          unsigned_text.find('_') != std::string_view::npos;
  return is_in_another_base || is_grouped || (has_leading_zero && DigitCount(unsigned_text) == unsigned_text.size());
}

/// Infinity and not-a-number; `.NaN` has a spelling of its own.
bool IsNoNumber(std::string_view unsigned_text) {
  if (!unsigned_text.starts_with('.')) return false;
  const std::string_view word = unsigned_text.substr(1);
  return IsSpelling(word, "inf") || IsSpelling(word, "nan") || word == "NaN";
}

Error Refuse(std::string_view text, std::string_view problem) {
  return {.code = Code::kInvalid,
          .reason = "InvalidYaml",
          .message = "'" + Printable(text, 64) + "' " + std::string(problem) + "; quote it"};
}

}  // namespace

Expected<Json> ResolvePlain(std::string_view text) {
  constexpr std::array<std::string_view, 4> kDisputedWords = {"yes", "no", "on", "off"};
  if (text.empty() || text == "~" || IsSpelling(text, "null")) return Json();
  if (IsSpelling(text, "true")) return Json(true);
  if (IsSpelling(text, "false")) return Json(false);
  if (IsSpellingOf(text, kDisputedWords))
    return Refuse(text, "is a boolean to some readers of YAML and text to others");

  const std::string_view unsigned_text = WithoutSign(text);
  if (IsDisputedInteger(unsigned_text)) return Refuse(text, "is not the same number to all readers of YAML");
  if (IsNoNumber(unsigned_text)) return Refuse(text, "has no meaning in JSON");
  if (text.starts_with("0x") && text.size() > 2 &&
      text.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos) {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
    if (problem != std::errc()) return Refuse(text, "does not fit into 64 bits");
    return Json(value);
  }
  if (!IsDecimal(unsigned_text)) return Json(text);
  auto number = NumberFromText(text.starts_with('+') ? unsigned_text : text);
  if (!number) return Refuse(text, "is out of range: " + number.error().message);
  return number;
}

}  // namespace api::codec
