#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "api/meta/json.h"

/// What another program's JSON has at a path of member names. For answers whose shape is known but not promised: what
/// is missing or of another type is read as nothing, never an error. Pure functions.
namespace api::codec {

using JsonPath = std::initializer_list<std::string_view>;

/// The string, byte for byte; else empty. For what is compared or sent on, not for a terminal.
std::string TextAt(const Json& json, JsonPath path);
/// The string as Printable makes it; else empty. For people.
std::string PrintableAt(const Json& json, JsonPath path);
/// The whole number; no value for a fraction.
std::optional<std::int64_t> IntegerAt(const Json& json, JsonPath path);
/// Whether `true` stands there. Neither "true" nor 1 is.
bool IsTrueAt(const Json& json, JsonPath path);
/// The elements; else none. An empty path is `json` itself. The reference lives as long as `json`.
const Json::Array& ArrayAt(const Json& json, JsonPath path);

}  // namespace api::codec
