#include "host/file_url.h"

#include "api/meta/words.h"

namespace host {
namespace {

constexpr std::string_view kScheme = "file://";

}  // namespace

std::optional<std::string> PathOfFileUrl(std::string_view url) {
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  std::string path;
  for (std::size_t i = 0; i < url.size(); ++i) {
    const int high = i + 2 < url.size() ? api::HexDigitOf(url[i + 1]) : -1;
    const int low = i + 2 < url.size() ? api::HexDigitOf(url[i + 2]) : -1;
    const bool is_coded = url[i] == '%' && high >= 0 && low >= 0;
    path += is_coded ? static_cast<char>(high * 16 + low) : url[i];
    if (is_coded) i += 2;
  }
  return path;
}

}  // namespace host
