#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "api/meta/object.h"
#include "api/meta/time.h"
#include "reconciler/pass.h"
#include "reconciler/request.h"
#include "reconciler/seconds_histogram.h"

namespace reconciler {

/// How long the objects of one kind took, by Crossplane's names and buckets (crossplane_managed_resource_*).
struct ObjectTimeStats {
  ObjectTimeStats();

  SecondsHistogram first_reconcile;  ///< From its creation to the beginning of its first pass.
  SecondsHistogram first_readiness;  ///< From its creation to its first pass that left it ready.
  SecondsHistogram drift;            ///< From the last pass that found it right to the one that mended it.
  SecondsHistogram deletion;         ///< From the wish to delete it to its end.
};

/// Watches the passes over the objects of one controller for these times. What it knows of an object is of this process
/// alone: after a restart nothing is counted twice, and of a drift only what began since. Thread-safe.
class ObjectTimes {
 public:
  /// Around each pass over an object; `object` is the metadata before it.
  void PassBegins(const api::Object& object, api::Time now);
  void PassEnded(const api::ObjectMeta& object, const PassOutcome& outcome, api::Time now);
  /// The object is gone without a pass that saw to it.
  void Forget(const Request& request);

  ObjectTimeStats Stats() const;

 private:
  struct Seen {
    api::Uid uid{};
    bool awaits_ready = false;  ///< Since a first pass in this process.
    std::optional<api::Time> right_at{};
    api::Generation right_generation{};
  };

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  ObjectTimeStats stats_;
  std::map<Request, Seen> seen_;  // Of objects that are there.
};

}  // namespace reconciler
