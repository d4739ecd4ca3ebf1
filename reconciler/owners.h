#pragma once

#include <vector>

#include "api/meta/expected.h"
#include "api/meta/object.h"
#include "api/schema/schema.h"
#include "reconciler/store.h"

namespace reconciler {

/// Whether the owners that a write gives to an object can own it: their kind is served, they are there with that uid,
/// in the object's namespace or in none, and are not being deleted. Those in `before` are not looked at again: an owner
/// that went since must not keep its children from being written. Errors: kInvalid with a cause for each wrong
/// reference; kForbidden `OwnerDeleting`, for a child made under an owner that is going would be left behind or bring
/// the owner's work back.
api::Expected<void> CheckNewOwners(const Store& store, const api::schema::Catalog& catalog,
                                   const api::schema::Kind& kind, const api::ObjectMeta& metadata,
                                   const std::vector<api::OwnerReference>& before);

}  // namespace reconciler
