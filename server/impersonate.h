#pragma once

#include "api/meta/expected.h"
#include "server/http.h"

namespace server {

/// Who a request is judged as: the caller, or the member whom an operator names in `Impersonate-User` (design D-06).
/// That one is no operator, whatever the name: acting as somebody never gives more than one has. Errors: kForbidden
/// when the caller is no operator; BadRequest for a name that nobody can have, and for the headers beside it
/// (`Impersonate-Group` and others), which are not served.
api::Expected<Caller> ActingCaller(const Request& request);

}  // namespace server
