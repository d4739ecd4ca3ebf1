#include "host/file_url.h"

namespace host {
namespace {

constexpr std::string_view kScheme = "file://";

/// 0 to 15; -1 for what is no hex digit.
int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::optional<std::string> PathOfFileUrl(std::string_view url) {
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  std::string path;
  for (std::size_t i = 0; i < url.size(); ++i) {
    const int high = i + 2 < url.size() ? DigitOf(url[i + 1]) : -1;
    const int low = i + 2 < url.size() ? DigitOf(url[i + 2]) : -1;
    const bool is_coded = url[i] == '%' && high >= 0 && low >= 0;
    path += is_coded ? static_cast<char>(high * 16 + low) : url[i];
    if (is_coded) i += 2;
  }
  return path;
}

}  // namespace host
