#pragma once

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "api/schema/schema.h"

namespace server {

/// Whether an object or a merge patch of a built-in kind has the types by which Kubernetes' own clients read it: one
/// Lease with a text for a number would end every list of theirs. Null counts as absent. Kinds that protobuf_messages.h
/// has not are their schema's matter. Errors: BadRequest, naming the first field.
api::Expected<void> CheckFieldTypes(const api::Json& body, const api::schema::Kind& kind);

}  // namespace server
