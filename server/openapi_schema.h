#pragma once

#include <string>
#include <vector>

#include "api/meta/json.h"
#include "api/schema/schema.h"

/// Schemas of kinds as OpenAPI has them. Pure functions.
namespace server {

/// `dev.hero.v1.Slot`, `io.k8s.api.core.v1.Event`
std::string DefinitionName(const api::schema::Kind& kind);
/// `{"group":…,"version":…,"kind":…}`, by which clients find their way.
api::Json GroupVersionKind(const api::schema::Kind& kind);

/// The schemas of these kinds by their names, and those that they refer to. References begin with `prefix`:
/// `#/components/schemas/`.
api::Json Definitions(const std::vector<api::schema::KindPtr>& kinds, const std::string& prefix);

/// A schema, and all below it, as OpenAPI v2 can say it: without defaults, nulls and choices. What may be of several
/// types is of any.
api::Json WithoutVersion3(const api::Json& schema);

}  // namespace server
