#pragma once

#include <string_view>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace api::codec {

/// What an unquoted YAML scalar means in the core schema of YAML 1.2. Errors: kInvalid, without a place, for what
/// YAML 1.1 reads as something else, numbers out of range, infinity and NaN; the remedy is always to quote it.
Expected<Json> ResolvePlain(std::string_view text);

}  // namespace api::codec
