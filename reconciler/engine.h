#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "host/clock.h"
#include "host/entropy.h"
#include "reconciler/approvals.h"
#include "reconciler/audit.h"
#include "reconciler/client.h"
#include "reconciler/informer.h"
#include "reconciler/journal.h"
#include "reconciler/path_watches.h"
#include "reconciler/recorder.h"
#include "reconciler/task.h"

namespace reconciler {

/// What all loops share. Everything is thread-safe and outlives them.
struct Engine {
  Client& client;
  Informers& informers;
  Tasks& tasks;
  Recorder& recorder;
  Approvals& approvals;
  PathWatches& path_watches;
  Journal& journal;
  Audit& audit;
  const host::Clock& clock;
  host::Entropy& entropy;
  /// Each Diff is asked twice, and another answer is an error; so is a step's `desired` that is no digest (StepText).
  /// For tests of controllers.
  bool checks_purity = false;
};

/// That an object is to be left alone: `spec.suspend`, which people write and every kind has.
struct Suspension {
  std::optional<api::Time> until{};  ///< No value: until somebody takes it away.
};

/// No value: the object is not suspended at `now`.
std::optional<Suspension> SuspensionOf(const api::Object& object, api::Time now);

/// `hero.dev/`: annotations that begin so are wishes to the object's controller (`hero.dev/restart`) or to the engine.
std::string WishPrefix(const api::Object& object);

/// The annotation `<group>/observe-only: "true"`: the object is looked at and reported on, and nothing is changed.
bool IsObserveOnly(const api::Object& object);

/// What a controller has written, so that its next look is at least as new. Thread-safe.
class OwnWrites {
 public:
  void Note(const Snapshot& written);

  /// Returns once the caches show all of it. Errors: kTimeout, and those of Informer::Step.
  api::Expected<void> CatchUp(Informers& informers) const;

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, api::ResourceVersion> newest_;  // By resource.
};

}  // namespace reconciler
