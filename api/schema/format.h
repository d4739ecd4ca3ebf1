#pragma once

#include <string_view>

#include "api/meta/json.h"

namespace api::schema {

/// Whether a value has the format that OpenAPI calls so: date-time, duration, byte, email, uri, uuid, ipv4, ipv6 for
/// strings, int32 and int64 for numbers. Unknown formats, and values of a type that the format is not about, fit.
bool FitsFormat(std::string_view format, const Json& value);

}  // namespace api::schema
