#pragma once

#include <string>

#include "api/meta/json.h"

namespace server {

/// A document of OpenAPI v2 as the protobuf that kubectl asks for (gnostic's openapi_v2.proto, docs/spec/wire.md). Of
/// the JSON it says what clients read: paths with their query parameters and extensions, and definitions.
std::string OpenApiV2Protobuf(const api::Json& document);

}  // namespace server
