#pragma once

#include "server/backend.h"
#include "server/http.h"
#include "server/route.h"

namespace server {

/// Deletes what the selectors of a collection's DELETE match, one by one, and answers with their last states. An object
/// that changes meanwhile is looked at again. The first that is refused ends it. At most 2 000 objects, or as many as
/// `limit` says, in the order of a list; more without a limit is refused before anything is deleted.
Response DeleteCollection(const Backend& backend, const Request& request, const Route& route);

}  // namespace server
