#pragma once

#include <string_view>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace api::codec {

/// The number that a decimal text stands for: an integer when it has neither point nor exponent. The caller has checked
/// the grammar. Errors: kInvalid without a place for more than 64 characters, an integer beyond 64 bits, a real beyond
/// a double.
Expected<Json> NumberFromText(std::string_view text);

/// The shortest text that reads back as the same number; a real keeps its point or exponent. Infinity and NaN are
/// `null`.
std::string NumberToText(double value);

}  // namespace api::codec
