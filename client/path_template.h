#pragma once

#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace client {

/// `-o jsonpath=…`: text with `{.metadata.name}`, `{.items[*].spec.x}`, filters, `{"\n"}`, and `{range
/// .items[*]}…{end}`. The matches of one path are joined by blanks; what is missing prints nothing, as kubectl has it
/// for get. A template without braces is one path. Errors: kInvalid with what is wrong.
api::Expected<std::string> ExpandTemplate(const api::Json& value, std::string_view text);

}  // namespace client
