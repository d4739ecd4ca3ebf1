#pragma once

#include <string>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "api/meta/time.h"

/// What the engine tells of itself, for people. Pure functions; made fit for a terminal (SEC-57).
namespace client {

/// The passes over an object, oldest first, from the document of GET /hero/v1/why (server/engine_view.h). Errors:
/// kInternal when it is none.
api::Expected<std::string> FormatHistory(const api::Json& history, api::Time now);

/// A table of all queues, from the document of GET /hero/v1/queue. Empty when they are. Errors: kInternal.
api::Expected<std::string> FormatQueue(const api::Json& queue, bool has_header);

}  // namespace client
