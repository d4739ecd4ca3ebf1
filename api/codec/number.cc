#include "api/codec/number.h"

#include <array>
#include <charconv>
#include <cmath>

namespace api::codec {
namespace {

// The longest shortest double has 24 characters. Longer texts have crashed number parsers, and nobody means them.
constexpr std::size_t kNumberCharactersMax = 64;

Error OutOfRange(std::string message) {
  return {.code = Code::kInvalid, .reason = "NumberOutOfRange", .message = std::move(message)};
}

}  // namespace

Expected<Json> NumberFromText(std::string_view text) {
  if (text.size() > kNumberCharactersMax) return OutOfRange("a number has more than 64 characters");
  const char* const end = text.data() + text.size();
  if (text.find_first_of(".eE") == std::string_view::npos) {
    std::int64_t whole = 0;
    const auto [stop, problem] = std::from_chars(text.data(), end, whole);
    if (problem != std::errc() || stop != end) return OutOfRange("an integer does not fit into 64 bits");
    return Json(whole);
  }
  double real = 0;
  const auto [stop, problem] = std::from_chars(text.data(), end, real);
  if (problem != std::errc() || stop != end) return OutOfRange("a number is too large or too small for a double");
  return Json(real);
}

std::string NumberToText(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> buffer{};
  const auto [end, problem] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string text(buffer.data(), end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace api::codec
