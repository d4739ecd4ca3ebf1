#pragma once

#include <string_view>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace server {

inline constexpr std::string_view kProtobufType = "application/vnd.kubernetes.protobuf";

/// Whether the bytes begin with Kubernetes' mark of a protobuf body, whatever Content-Type was said.
bool IsProtobuf(std::string_view body);

/// An envelope that clients made with Kubernetes' Go libraries put built-in kinds in (docs/spec/wire.md), as the object
/// that JSON would have said: unset, empty and zero fields are left out, fields of other versions of Kubernetes too.
/// Time and memory grow with the size of `body`; 10 000 fields at most. Errors: UnsupportedMediaType for a kind that
/// nobody sends so; BadRequest, naming the field, for what is no such envelope.
api::Expected<api::Json> ReadProtobuf(std::string_view body);

}  // namespace server
