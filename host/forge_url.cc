#include "host/forge_url.h"

#include <algorithm>

#include "api/meta/words.h"

namespace host {

namespace {

constexpr std::string_view kScheme = "https://";
constexpr std::string_view kDefaultPort = ":443";

/// Letters, digits and what stands in a host name, an IPv6 address and a port.
bool IsAuthority(std::string_view text) {
  return !text.empty() && text.front() != ':' && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".-:[]").find(c) != std::string_view::npos;
  });
}

/// What a URL of ours may have in its path: no query, no fragment, nothing that needs encoding.
bool IsPath(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~").find(c) != std::string_view::npos;
  });
}

/// What a server may send us to: a path and query as they are, encoded by it.
bool IsTarget(std::string_view text) {
  return text.starts_with('/') && !text.starts_with("//") &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '#' && c != '\\'; });
}

}  // namespace

api::Expected<ForgeUrl> ParseForgeUrl(std::string_view url) {
  const api::Error refused{api::Code::kInvalid, "InvalidUrl",
                           "the forge's URL has to be https://host[:port][/path], without a name or token in it"};
  if (api::LowerCase(url.substr(0, kScheme.size())) != kScheme) return refused;
  const std::string_view rest = url.substr(kScheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  std::string_view root = rest.substr(slash);
  if (!IsAuthority(authority) || !IsPath(root)) return refused;
  if (authority.ends_with(kDefaultPort)) authority.remove_suffix(kDefaultPort.size());
  while (root.ends_with('/')) root.remove_suffix(1);
  return ForgeUrl{.origin = std::string(kScheme) + api::LowerCase(authority), .root = std::string(root)};
}

std::optional<std::string> TargetAt(std::string_view origin, std::string_view location) {
  if (IsTarget(location)) return std::string(location);
  const std::size_t slash = location.find('/', std::min(kScheme.size(), location.size()));
  if (slash == std::string_view::npos) return std::nullopt;
  const auto there = ParseForgeUrl(location.substr(0, slash));
  if (!there || there->origin != origin || !IsTarget(location.substr(slash))) return std::nullopt;
  return std::string(location.substr(slash));
}

}  // namespace host
