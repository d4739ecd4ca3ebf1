#include <cstdint>
#include <optional>

#include "api/codec/text.h"

namespace api::codec {
namespace {

constexpr std::size_t kNameBytesMax = 253;  // RFC 1123 subdomain, as Kubernetes limits it.
constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kEscape = "---";
constexpr std::string_view kBeforeLeadingEscape = "x-";
constexpr std::string_view kEmpty = "x----x";
constexpr std::string_view kBeforeDigest = "----";

bool IsPlain(char character) {
  return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
}

/// What stands for a separator between two plain characters; empty for any other byte.
std::string_view Separator(char character) {
  switch (character) {
    case '_':
      return "-";
    case '-':
      return "--";
    case '/':
      return ".";
    default:
      return {};
  }
}

std::string SwapSeparators(std::string_view name) {
  std::string swapped(name);
  for (char& character : swapped) {
    if (character == '_')
      character = '-';
    else if (character == '-')
      character = '_';
  }
  return swapped;
}

std::string EncodeWhole(std::string_view text) {
  if (text.empty()) return std::string(kEmpty);
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_between = i > 0 && i + 1 < text.size() && IsPlain(text[i - 1]) && IsPlain(text[i + 1]);
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (IsPlain(text[i]))
      name += text[i];
    else if (const std::string_view separator = Separator(text[i]); is_between && !separator.empty())
      name += separator;
    else
      ((name += kEscape) += kHex[byte >> 4]) += kHex[byte & 0xF];
  }
  return name.starts_with('-') ? std::string(kBeforeLeadingEscape) + name : name;
}

/// Takes the byte that two hex digits at the front stand for.
std::optional<char> TakeByte(std::string_view& rest) {
  if (rest.size() < 2) return std::nullopt;
  const std::size_t high = kHex.find(rest[0]);
  const std::size_t low = kHex.find(rest[1]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(2);
  return static_cast<char>(high << 4 | low);
}

/// Reads more than EncodeName writes: the caller compares.
std::optional<std::string> DecodeLoosely(std::string_view rest) {
  if (rest == kEmpty) return std::string();
  if (rest.starts_with("x----")) rest.remove_prefix(kBeforeLeadingEscape.size());
  std::string text;
  while (!rest.empty()) {
    if (rest.starts_with(kEscape)) {
      rest.remove_prefix(kEscape.size());
      const auto byte = TakeByte(rest);
      if (!byte) return std::nullopt;
      text += *byte;
      continue;
    }
    const bool is_double = rest.starts_with("--");
    const char front = rest.front();
    text += is_double ? '-' : front == '-' ? '_' : front == '.' ? '/' : front;
    rest.remove_prefix(is_double ? 2 : 1);
  }
  return text;
}

}  // namespace

std::string ObjectNameOf(std::string_view user_name) { return SwapSeparators(user_name); }
std::string UserNameOf(std::string_view object_name) { return SwapSeparators(object_name); }

std::string EncodeName(std::string_view text) {
  std::string name = EncodeWhole(text);
  if (name.size() <= kNameBytesMax) return name;
  const std::string digest = Sha256Hex(text);
  name.resize(kNameBytesMax - kBeforeDigest.size() - digest.size());
  while (!IsPlain(name.back())) name.pop_back();  // Never empty: it begins with a plain character.
  return name.append(kBeforeDigest).append(digest);
}

Expected<std::string> DecodeName(std::string_view name) {
  auto text = DecodeLoosely(name);
  // Writing it again refuses every second spelling, so that two names never stand for one text.
  if (text && EncodeName(*text) == name) return *std::move(text);
  return Error{
      .code = Code::kInvalid,
      .reason = "InvalidName",
      .message = "'" + Printable(name, 300) + "' is no encoded name, or one that was too long to be kept whole"};
}

}  // namespace api::codec
