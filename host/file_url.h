#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace host {

/// The path that a `file://` URL names, with %xx decoded as git does; no value for any other URL.
std::optional<std::string> PathOfFileUrl(std::string_view url);

}  // namespace host
