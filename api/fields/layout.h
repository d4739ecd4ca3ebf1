#pragma once

#include <string>

#include "api/meta/json.h"
#include "api/schema/node.h"
#include "api/schema/schema.h"

/// How the parts of a value are told apart, by its schema. A null schema: nothing is declared, so objects go by member
/// and lists are one value.
namespace api::fields {

/// Deeper parts of an object are one field: the steps to a field stand below five levels of `metadata.managedFields`,
/// and what is stored has to stay within codec::JsonLimits::depth_max.
inline constexpr int kDepthMax = 50;

enum class Parts {
  kNone,      ///< One value, whose it is as a whole.
  kMembers,   ///< `f:`
  kElements,  ///< `k:` or `v:`
};

Parts PartsOf(const Json& value, const schema::Schema* schema, int depth);

/// The schema of a member, declared or as any other; null: none.
const schema::Schema* MemberSchema(const schema::Schema* schema, std::string_view name);

std::string MemberStep(std::string_view name);
/// The step to an element of a list of type set or map. A key that it leaves out has the default of the schema.
std::string ElementStep(const Json& element, const schema::Schema& list);

/// A whole object's schema: what the kind declares, and those of the metadata that somebody can own: labels,
/// annotations, finalizers, owners.
schema::Schema ObjectSchema(const schema::Schema* kind);

}  // namespace api::fields
