#pragma once

#include "api/fields/field_set.h"
#include "api/schema/schema.h"

namespace api::fields {

/// What in `value` no object of that schema has: undeclared fields, two elements with the same keys, an element
/// without its keys. Errors: kInvalid, in the words of Kubernetes, the first ten.
Expected<void> CheckDeclared(const Json& value, const schema::Schema& schema);

/// Lays `applied` over `target`. Elements of sets and lists of type map keep their order, new ones come last; other
/// lists and all scalars are replaced.
void Merge(Json& target, const Json& applied, const schema::Schema& schema);

/// Takes the fields of `gone` out of `value`, unless they or something below them are in `kept`, and the containers
/// that are empty then. What is in neither stays, but for what is below a member of `gone`.
void Remove(Json& value, const FieldSet& gone, const FieldSet& kept, const schema::Schema& schema);

}  // namespace api::fields
