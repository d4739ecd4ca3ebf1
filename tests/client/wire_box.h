#pragma once

#include "client/wire_client.h"
#include "host/linux/clock.h"
#include "tests/support/served_box.h"

namespace tests {

/// The registry itself, as controllers inside the daemon see it.
struct EmbeddedApi {
  explicit EmbeddedApi(reconciler::StoreOptions options = {.path = ":memory:"}) : box(std::move(options)) {}
  reconciler::Client& client() { return box.registry; }
  ApiBox& api() { return box; }

  ApiBox box;
};

/// The same over the wire: a real socket between client and registry.
struct WireApi {
  explicit WireApi(reconciler::StoreOptions options = {.path = ":memory:"})
      : box({.linger_max = std::chrono::milliseconds(100)}, std::move(options)) {}
  reconciler::Client& client() { return wire; }
  ApiBox& api() { return box.api; }

  host::linux::SystemClock clock{};
  ServedBox box;
  client::Transport transport{{.socket_path = box.served.path()}, clock};
  client::WireClient wire{transport};
};

}  // namespace tests
