#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

#include "api/meta/expected.h"
#include "reconciler/snapshot.h"

namespace reconciler {

enum class EventType { kAdded, kModified, kDeleted, kBookmark };

/// One change. Of a deletion `object` is the last state with the revision of the deletion; a bookmark has no object.
struct Event {
  EventType type = EventType::kBookmark;
  SnapshotPtr object{};
  SnapshotPtr previous{};  ///< The state before; null for kAdded.
  api::ResourceVersion revision{};
};

/// A stream of changes of one kind: every change after the revision it began at, in order, none twice. Bounded: who
/// reads too slowly loses the stream, never an event of it. One reader thread at a time.
class Watch {
 public:
  virtual ~Watch() = default;

  /// The next event, waiting up to `wait` for it; no value when there was none in that time or stop was asked for.
  /// Errors: kExpired once the stream is lost (list again), kUnavailable when the store is closed or the peer is gone.
  virtual api::Expected<std::optional<Event>> Next(std::chrono::milliseconds wait, std::stop_token stop) = 0;

  /// `notify` is called, from any thread and with no lock of the store held, when Next has something to say after it
  /// had nothing. Once more at once if it has something already. An empty function ends that; no call begins after it
  /// returned.
  virtual void SetNotify(std::function<void()> notify) = 0;
};

}  // namespace reconciler
