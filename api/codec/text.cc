#include "api/codec/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <openssl/evp.h>

namespace api::codec {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHex = "0123456789abcdef";

std::uint8_t Byte(char character) { return static_cast<std::uint8_t>(character); }

/// A character and the bytes that it takes; `size_bytes` is 0 where the bytes are no UTF-8.
struct CodePoint {
  char32_t value = 0;
  std::size_t size_bytes = 0;
};

/// The character at the front of `text`, which is not empty. Strict as RFC 3629: no overlong forms, no surrogates.
CodePoint FrontOf(std::string_view text) {
  const std::uint8_t lead = Byte(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {};
  char32_t value = lead & (0xFFu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((Byte(text[i]) & 0xC0) != 0x80) return {};
    value = value << 6 | (Byte(text[i]) & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[size] || value > 0x10FFFF || is_surrogate) return {};
  return {value, size};
}

/// Moves the cursor of a terminal, ends a line, or turns the reading direction round, so that the rest lies.
bool IsControl(char32_t value) {
  const bool is_c0_or_c1 = value < 0x20 || (value >= 0x7F && value < 0xA0);
  const bool is_line_end = value == 0x2028 || value == 0x2029;
  const bool is_direction = (value >= 0x202A && value <= 0x202E) || (value >= 0x2066 && value <= 0x2069);
  return is_c0_or_c1 || is_line_end || is_direction;
}

Error NotBase64(std::string_view problem) {
  return {.code = Code::kInvalid, .reason = "InvalidBase64", .message = "no base64: " + std::string(problem)};
}

}  // namespace

std::string Sha256Hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) (hex += kHex[digest[i] >> 4]) += kHex[digest[i] & 0xF];
  return hex;
}

Expected<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return NotBase64("the length is no multiple of 4");
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  for (const char character : text) {
    const std::size_t digit = kBase64.find(character);
    if (digit == std::string_view::npos) return NotBase64("a character outside of A-Z a-z 0-9 + / =");
    pending = pending << 6 | static_cast<std::uint32_t>(digit);
    pending_bits += 6;
    if (pending_bits < 8) continue;
    pending_bits -= 8;
    bytes += static_cast<char>(pending >> pending_bits & 0xFF);
  }
  if ((pending & ((1u << pending_bits) - 1)) != 0) return NotBase64("bits are set behind the end");
  return bytes;
}

std::string EncodeBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (i + k < bytes.size() ? Byte(bytes[i + k]) : 0u);
    for (unsigned k = 0; k < 4; ++k) text += i + k <= bytes.size() ? kBase64[group >> (18 - 6 * k) & 0x3F] : '=';
  }
  return text;
}

TextPosition PositionAt(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::string_view line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0.
  const auto begins_character = [](char byte) { return (Byte(byte) & 0xC0) != 0x80; };
  return {.line = static_cast<int>(1 + std::count(before.begin(), before.end(), '\n')),
          .column = static_cast<int>(1 + std::count_if(line.begin(), line.end(), begins_character))};
}

bool IsValidUtf8(std::string_view text) { return ValidUtf8Prefix(text) == text.size(); }

std::size_t ValidUtf8Prefix(std::string_view text) {
  std::size_t valid = 0;
  while (valid < text.size()) {
    if (Byte(text[valid]) < 0x80) {  // Nearly all text is ASCII: ten times faster than taking characters apart.
      ++valid;
      continue;
    }
    const CodePoint next = FrontOf(text.substr(valid));
    if (next.size_bytes == 0) break;
    valid += next.size_bytes;
  }
  return valid;
}

std::string Printable(std::string_view text, std::size_t bytes_max) {
  constexpr std::string_view kMark = "…";
  std::string result;
  std::size_t cut = 0;  // As much of the result as leaves room for the mark.
  while (!text.empty()) {
    const CodePoint front = FrontOf(text);
    const std::size_t size = std::max<std::size_t>(front.size_bytes, 1);
    if (front.size_bytes == 0 || IsControl(front.value))
      result += '?';
    else
      result += text.substr(0, size);
    if (result.size() > bytes_max) return result.substr(0, cut).append(kMark);
    if (result.size() + kMark.size() <= bytes_max) cut = result.size();
    text.remove_prefix(size);
  }
  return result;
}

}  // namespace api::codec
