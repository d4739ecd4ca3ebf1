#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace controllers {

/// The faults that the schema of a resource finds in a spec, as the store would when it is written; fields begin with
/// `spec.`. The schemas are not this room's to know, so whoever puts the box together hands them in.
using SpecCheck = std::function<std::vector<api::Cause>(std::string_view resource, const api::Json& spec)>;

/// A fault of a file at one of its keys: `limits.memory`, `bind[0].service`.
api::Error FileFault(std::string key, std::string message);

/// The first fault of a spec, in the words of the file that it was made from. No check: none.
std::optional<api::Error> SchemaFault(const SpecCheck& check, std::string_view resource, const api::Json& spec);

}  // namespace controllers
