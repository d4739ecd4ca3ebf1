#pragma once

#include "server/backend.h"
#include "server/http.h"
#include "server/route.h"

/// Handlers that change nothing: get, list and watch.
namespace server {

Response Get(const Backend& backend, const Request& request, const Route& route);
Response List(const Backend& backend, const Request& request, const Route& route);
Response OpenWatch(const Backend& backend, const Request& request, const Route& route);

}  // namespace server
