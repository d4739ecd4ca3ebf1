#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/object.h"
#include "api/schema/schema.h"
#include "reconciler/client.h"

/// What every written object has to satisfy, whatever the client. Pure functions.
namespace reconciler {

/// `Slot.hero.dev "v" is invalid: …` with all causes, as Kubernetes says it.
api::Error InvalidObject(const api::schema::Kind& kind, const std::string& name, std::vector<api::Cause> causes);

/// A request that cannot be understood, as opposed to an object that is wrong: HTTP 400 instead of 422.
api::Error BadRequest(std::string message);

/// Changes `object`, which is left as it was or empty by an error. Errors: BadRequest for what is no patch; kInvalid
/// when the object has not what an operation needs.
api::Expected<void> ApplyPatch(api::Json& object, const PatchDocument& patch);

/// Faults of the metadata that a client gives: name, namespace against the kind's scope, labels, finalizers, owners.
std::vector<api::Cause> CheckMetadata(const api::schema::Kind& kind, const api::ObjectMeta& metadata);

/// Prunes, fills defaults in and validates `object.body`; returns the warnings for what was pruned. Errors: kInvalid.
api::Expected<std::vector<std::string>> ConformToSchema(const api::schema::Kind& kind, api::Object& object,
                                                        FieldValidation field_validation);

/// What a write of an object with this spec would be refused for. A resource without a schema takes everything.
std::vector<api::Cause> CheckSpec(const api::schema::Catalog& catalog, std::string_view resource, api::Json spec);

/// What a label's key has to be: a name of 63 characters at most, with a DNS name and a slash before it or not.
bool IsLabelKey(std::string_view text);
/// What a label's value has to be: empty, or such a name without slashes.
bool IsLabelValue(std::string_view text);

}  // namespace reconciler
