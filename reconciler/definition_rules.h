#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/object.h"
#include "api/schema/schema.h"

/// What a CustomResourceDefinition has to satisfy, and what the server says of it. Pure functions.
namespace reconciler {

inline constexpr std::string_view kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";
/// Stands on a definition that is being deleted until its objects are gone; Kubernetes' name.
inline constexpr std::string_view kCleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

bool IsDefinition(const api::Object& object);

/// The kind that a client's definition declares. Errors: kInvalid with causes.
api::Expected<api::schema::Kind> ForeignKindOf(const api::Object& definition);

/// Whether a group has kinds of the program itself, to which nobody adds any. `name` is a definition's:
/// `users.hero.dev`.
bool IsOwnGroup(const std::vector<api::schema::KindPtr>& kinds, std::string_view name);

/// What `next` may not be beside what is served: another kind of its group with one of its names, another stored
/// version or scope than the kind's present objects have.
std::vector<api::Cause> CheckDefinition(const std::vector<api::schema::KindPtr>& kinds, const api::schema::Kind& next);

/// The status of a definition that is served: conditions (their times from `before` as long as nothing changed), names
/// and versions.
api::Json DefinitionStatus(const api::schema::Kind& kind, const api::Object& before, bool is_going, api::Time now);

}  // namespace reconciler
