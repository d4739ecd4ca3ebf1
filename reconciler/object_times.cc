#include "reconciler/object_times.h"

#include <algorithm>
#include <array>
#include <utility>

namespace reconciler {
namespace {

using State = StepResult::State;

constexpr std::array kDecades = {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1};
constexpr std::array kMinutes = {1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0};

Request NameOf(const api::ObjectMeta& object) { return {object.namespace_, object.name}; }

/// Creation and deletion are kept in whole seconds, so a later moment may look earlier.
std::chrono::duration<double> Since(api::Time then, api::Time now) {
  return std::max(std::chrono::duration<double>(0), std::chrono::duration<double>(now - then));
}

/// Upkeep, such as a poll, mends nothing.
bool HasMended(const PassOutcome& outcome) {
  return std::any_of(outcome.results.steps.begin(), outcome.results.steps.end(), [](const StepResult& step) {
    return !step.is_upkeep &&
           (step.state == State::kDone || step.state == State::kFailed || step.state == State::kPending);
  });
}

}  // namespace

ObjectTimeStats::ObjectTimeStats()
    : first_reconcile(kDecades), first_readiness(kMinutes), drift(kDecades), deletion(kMinutes) {}

void ObjectTimes::PassBegins(const api::Object& object, api::Time now) {
  const bool is_first = object.body.At({"status", "observedGeneration"}) == nullptr;
  const std::lock_guard lock(mutex_);
  Seen& seen = seen_[NameOf(object.metadata)];
  if (seen.uid == object.metadata.uid) return;
  seen = {.uid = object.metadata.uid, .awaits_ready = is_first};
  if (is_first && object.metadata.creation_timestamp)
    stats_.first_reconcile.Count(Since(*object.metadata.creation_timestamp, now));
}

void ObjectTimes::PassEnded(const api::ObjectMeta& object, const PassOutcome& outcome, api::Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(NameOf(object));
  if (found == seen_.end()) return;
  Seen& seen = found->second;
  if (outcome.is_gone) {
    if (object.deletion_timestamp) stats_.deletion.Count(Since(*object.deletion_timestamp, now));
    seen_.erase(found);
    return;
  }
  if (seen.right_at && HasMended(outcome)) {
    // Another spec is no drift.
    if (seen.right_generation == object.generation) stats_.drift.Count(Since(*seen.right_at, now));
    seen.right_at.reset();
  }
  if (!outcome.is_ready) return;
  if (std::exchange(seen.awaits_ready, false) && object.creation_timestamp)
    stats_.first_readiness.Count(Since(*object.creation_timestamp, now));
  seen.right_at = now;
  seen.right_generation = object.generation;
}

void ObjectTimes::Forget(const Request& request) {
  const std::lock_guard lock(mutex_);
  seen_.erase(request);
}

ObjectTimeStats ObjectTimes::Stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace reconciler
