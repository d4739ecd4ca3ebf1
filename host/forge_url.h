#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// Where a forge is: `https://host[:port]` and the path of its root, which may be empty. Scheme and host in lower case.
struct ForgeUrl {
  std::string origin{};  ///< `https://forge.example.org`; a port of 443 is left out.
  std::string root{};    ///< Empty, or `/git`.

  bool operator==(const ForgeUrl&) const = default;
};

/// Errors: kInvalid unless it is https, with a host, without a name, token, query or fragment.
api::Expected<ForgeUrl> ParseForgeUrl(std::string_view url);

/// The path and query of a `Location` that stays at this origin; no value when it leads elsewhere.
std::optional<std::string> TargetAt(std::string_view origin, std::string_view location);

}  // namespace host
