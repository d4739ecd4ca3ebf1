#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "api/schema/schema.h"
#include "host/clock.h"
#include "reconciler/watch.h"
#include "server/http.h"
#include "server/negotiate.h"
#include "server/selector.h"

namespace server {

struct WatchOptions {
  api::schema::KindPtr kind{};
  Selection selection{};
  Wanted wanted{};
  bool has_bookmarks = false;
  bool marks_beginning = false;   ///< A bookmark that says so follows the last of `initial`.
  std::chrono::seconds length{};  ///< The stream ends by itself after it.
};

/// A watch as Kubernetes sends it, one event a line: `initial` as ADDED, then what happens after `from`, the version of
/// `initial`. An object that
/// leaves the selection is DELETED for this client, one that enters it is ADDED. Ends with an ERROR frame when the
/// watch is lost. `clock` outlives the stream.
std::unique_ptr<ChunkSource> MakeWatchStream(WatchOptions options, std::unique_ptr<reconciler::Watch> watch,
                                             std::vector<reconciler::SnapshotPtr> initial, api::ResourceVersion from,
                                             const host::Clock& clock);

/// One ERROR frame and the end.
std::unique_ptr<ChunkSource> MakeFailedStream(const api::Error& error);

}  // namespace server
