#pragma once

#include "server/backend.h"
#include "server/http.h"
#include "server/route.h"

/// Handlers that change objects. They may wait for the disk.
namespace server {

Response Create(const Backend& backend, const Request& request, const Route& route);
Response Replace(const Backend& backend, const Request& request, const Route& route);
Response Patch(const Backend& backend, const Request& request, const Route& route);
Response Delete(const Backend& backend, const Request& request, const Route& route);

}  // namespace server
