#pragma once

#include <string_view>

namespace api {

/// The version of this build, "major.minor.patch": what `--version` prints and what a release manifest names.
extern const std::string_view kVersion;

}  // namespace api
