#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/meta/json.h"
#include "api/schema/pattern.h"
#include "api/schema/schema.h"

namespace api::schema {

/// Of a member's name in a path. Names come from outside, and a path is repeated for every fault below it.
inline constexpr std::size_t kShownKeyBytesMax = 256;

/// How elements of a list are told apart.
enum class ListType { kAtomic, kSet, kMap };

/// One value's schema: what the keywords of OpenAPI said about it.
struct SchemaNode {
  struct Property {
    std::string name{};
    Schema schema;
  };

  std::string type{};        ///< JSON type name, `int-or-string`, or empty for any.
  bool is_resource = false;  ///< The root: it has apiVersion, kind and metadata without declaring them.
  bool is_nullable = false;
  bool keeps_unknown = false;      ///< x-kubernetes-preserve-unknown-fields
  bool allows_any_member = false;  ///< additionalProperties: true
  std::optional<Json> default_value{};

  std::vector<Property> properties{};  ///< Sorted by name.
  std::vector<std::string> required{};
  std::optional<Schema> additional_properties{};
  bool is_atomic_map = false;  ///< x-kubernetes-map-type: atomic. Who applies a part of it owns all of it.
  std::optional<Schema> items{};
  ListType list_type = ListType::kAtomic;
  std::vector<std::string> list_map_keys{};

  std::optional<std::vector<Json>> allowed{};  ///< enum
  std::optional<Json> minimum{};
  std::optional<Json> maximum{};
  bool is_minimum_exclusive = false;
  bool is_maximum_exclusive = false;
  std::optional<Json> multiple_of{};
  std::optional<std::int64_t> length_min{};  ///< In code points, as length_max.
  std::optional<std::int64_t> length_max{};
  std::optional<std::int64_t> items_min{};
  std::optional<std::int64_t> items_max{};
  std::optional<std::int64_t> properties_min{};
  std::optional<std::int64_t> properties_max{};
  std::optional<Pattern> pattern{};
  std::string format{};

  std::vector<Schema> all_of{};
  std::vector<Schema> any_of{};
  std::vector<Schema> one_of{};
  std::optional<Schema> negated{};  ///< not
};

}  // namespace api::schema
