#include "api/schema/format.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdint>
#include <string>

#include "api/codec/text.h"

namespace api::schema {
namespace {

bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsSpaceOrControl(char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; }

bool HasSpaceOrControl(std::string_view text) { return std::any_of(text.begin(), text.end(), IsSpaceOrControl); }

bool IsEmail(const std::string& text) {
  const std::size_t at = text.find('@');
  const bool has_both_sides = at != std::string::npos && at > 0 && at + 1 < text.size();
  return has_both_sides && text.find('@', at + 1) == std::string::npos && !HasSpaceOrControl(text);
}

/// An absolute path or a scheme with something behind it, as Go's url.ParseRequestURI wants it.
bool IsUri(const std::string& text) {
  if (HasSpaceOrControl(text)) return false;
  if (text.starts_with('/')) return true;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon + 1 == text.size() || !IsAsciiLetter(text.front())) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return IsAsciiLetter(c) || IsDigit(c) || c == '+' || c == '-' || c == '.'; });
}

bool IsUuid(const std::string& text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(),
                    [](char c, char form) { return form == 'x' ? IsHexDigit(c) : c == form; });
}

bool IsAddress(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const bool is_cut_by_nul = text.find('\0') != std::string::npos;
  return !is_cut_by_nul && inet_pton(family, text.c_str(), address.data()) == 1;
}

bool TextFits(std::string_view format, const std::string& text) {
  if (format == "date-time") return codec::ParseTime(text).has_value();
  if (format == "duration") return codec::ParseDuration(text).has_value();
  if (format == "byte") return codec::DecodeBase64(text).has_value();
  if (format == "email") return IsEmail(text);
  if (format == "uri") return IsUri(text);
  if (format == "uuid") return IsUuid(text);
  if (format == "ipv4") return IsAddress(AF_INET, text);
  if (format == "ipv6") return IsAddress(AF_INET6, text);
  return true;
}

}  // namespace

bool FitsFormat(std::string_view format, const Json& value) {
  if (const std::string* text = value.string()) return TextFits(format, *text);
  if (const auto number = value.number(); number && format == "int32")
    return *number >= INT32_MIN && *number <= INT32_MAX;
  // An integer that was read fits into 64 bits. A whole double need not.
  if (const auto number = value.number(); number && format == "int64")
    return value.is_integer() || (*number >= -0x1p63 && *number < 0x1p63);
  return true;
}

}  // namespace api::schema
