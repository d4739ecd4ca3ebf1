#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace client {

/// The value of a variable of the environment; none when it is unset.
using Environment = std::function<std::optional<std::string>(std::string_view)>;

/// Where the daemon listens: `option` (--socket), then HERO_SOCKET, then run/hero/hero.sock below HERO_ROOT, then below
/// /. Empty values count as unset.
std::string FindSocket(std::string_view option, const Environment& environment);

}  // namespace client
