#pragma once

#include <functional>

#include "api/meta/object.h"
#include "api/schema/schema.h"
#include "host/clock.h"
#include "reconciler/audit.h"
#include "reconciler/client.h"
#include "server/access.h"

namespace server {

/// What the handlers work on. All of them are thread-safe and outlive the server.
struct Backend {
  reconciler::Client& client;
  const api::schema::Catalog& catalog;
  const host::Clock& clock;
  reconciler::Audit& audit;  ///< Gets who was refused; what is written is audited by the client.
  Access access{};
  /// The newest version of the store. Thread-safe, never waits. Null: who asks for a later one is refused at once.
  std::function<api::ResourceVersion()> revision{};
};

}  // namespace server
