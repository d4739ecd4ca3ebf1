#pragma once

#include <string>
#include <vector>

#include "api/meta/json.h"
#include "api/schema/schema.h"

/// The documents of OpenAPI, by which kubectl checks, explains and patches. Made of the kinds alone: pure functions.
namespace server {

/// GET /openapi/v2, as JSON.
api::Json OpenApiV2(const std::vector<api::schema::KindPtr>& kinds);

/// GET /openapi/v3 and what it points at. `segments` are those of the path behind `/openapi/v3`: none, `api/VERSION`
/// or `apis/GROUP/VERSION`. Null: no such group or version.
api::Json OpenApiV3(const std::vector<api::schema::KindPtr>& kinds, const std::vector<std::string>& segments);

}  // namespace server
