#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace api::codec {

struct JsonLimits {
  std::size_t bytes_max = 3u << 20;  ///< The API server's body limit, docs/spec/wire.md.
  int depth_max = 64;                ///< Deeper than any object of ours by a factor of six.
};

/// The only entry point for JSON text from outside. Refuses, with kInvalid, line and column: text that is not JSON,
/// invalid UTF-8, a key that stands twice in one object, a number longer than 64 characters, an integer outside 64
/// bits, a real outside a double, nesting or size beyond the limits. Never recurses on its input.
Expected<Json> ParseJson(std::string_view text, const JsonLimits& limits = {});

/// The same, but of a key that stands twice in one object the last value counts. `repeated` gets the path of each such
/// key, `spec.ports[0].name`, the first 100.
Expected<Json> ParseJsonWithRepeats(std::string_view text, std::vector<std::string>& repeated,
                                    const JsonLimits& limits = {});

/// Compact text, keys sorted: equal values give equal bytes. A double keeps its point (`1.0`), an integer has none.
/// Always text that ParseJson reads: bytes that are no UTF-8 become U+FFFD, infinity and NaN become null.
std::string WriteJson(const Json& value);

/// The same with two spaces of indentation and a final newline, for people.
std::string WritePrettyJson(const Json& value);

}  // namespace api::codec
