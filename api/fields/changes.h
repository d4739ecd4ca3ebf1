#pragma once

#include "api/fields/field_set.h"
#include "api/schema/schema.h"

namespace api::fields {

/// The fields that a value says something about: its scalars, atomic lists and empty objects, the elements of its sets
/// and lists of type map, and the members that no schema declares.
FieldSet FieldsOf(const Json& value, const schema::Schema& schema);

/// What differs between two values, containers that came or went included.
struct Changes {
  FieldSet added{};
  FieldSet modified{};
  FieldSet removed{};

  bool empty() const { return added.empty() && modified.empty() && removed.empty(); }
};

Changes Compare(const Json& before, const Json& after, const schema::Schema& schema);

}  // namespace api::fields
