#pragma once

#include "api/schema/schema.h"
#include "host/clock.h"
#include "reconciler/client.h"

namespace server {

/// What the handlers work on. All of them are thread-safe and outlive the server.
struct Backend {
  reconciler::Client& client;
  const api::schema::Catalog& catalog;
  const host::Clock& clock;
};

}  // namespace server
