#pragma once

#include <optional>

#include "api/schema/schema.h"
#include "server/http.h"

namespace server {

/// The documents that depend on the kinds alone: /version, discovery, OpenAPI. Each has an `ETag`, and who has it
/// already is told so with 304. No value: the path is none of these.
std::optional<Response> ServeDocument(const api::schema::Catalog& catalog, const Request& request);

/// True when it takes milliseconds to make: OpenAPI, of all kinds.
bool IsLongDocument(const Request& request);

}  // namespace server
