#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace api::codec {

/// Reads every document of a YAML 1.2 (core schema) stream; empty documents are skipped. `source` names the text in
/// errors. Refuses, with kInvalid and `source:line:column`: duplicate keys, custom tags, keys that are no strings,
/// merge keys (`<<`), invalid UTF-8, NUL, more than 3 MiB, more than 200 000 nodes or 3 MiB of scalars after aliases
/// are expanded, nesting beyond 64, a further document without `---`, and the scalars on which YAML 1.1 and 1.2
/// disagree (plain yes/no/on/off, integers with a leading zero): they have to be quoted.
Expected<std::vector<Json>> ParseYaml(std::string_view text, std::string_view source);

/// Block-style YAML with sorted keys that ParseYaml reads back as the same value.
std::string WriteYaml(const Json& value);

}  // namespace api::codec
