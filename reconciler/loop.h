#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "reconciler/controller.h"
#include "reconciler/engine.h"
#include "reconciler/metrics.h"
#include "reconciler/object_times.h"
#include "reconciler/pass.h"
#include "reconciler/work_queue.h"

namespace reconciler {

struct LoopOptions {
  std::string name{};            ///< `user`: in logs, events, the finalizer and the actor of writes.
  int workers = 4;               ///< Threads. More where a host seam batches concurrent calls.
  bool has_finalizer = true;     ///< Diff is asked what to undo before an object goes.
  bool has_inventory = false;    ///< Controller::Inventory is asked what is on the host without an object.
  bool is_observe_only = false;  ///< Looks and reports, and changes nothing.
  std::chrono::milliseconds rescan{std::chrono::minutes(10)};  ///< The safety net under all watches.
  WorkQueueOptions queue{};
};

/// Runs one controller: a queue of its objects, what wakes them, and workers that make a pass over each.
class Loop final : public Waker {
 public:
  Loop(const Engine& engine, std::unique_ptr<AnyController> controller, LoopOptions options);

  /// Hooks the loop to its informers. Before their first Step.
  void Connect();
  /// Starts the host sources and asks for the inventory. After the informers have synced.
  void StartHostSources();
  /// Watches those that could not be, or that were replaced. For whoever keeps house.
  void WatchDirectories();

  /// Makes one pass over one ready object in this thread. False when none is ready.
  bool Step();
  /// A worker: works until stop is requested or the queue is shut down and empty. Any number of threads.
  void Run(std::stop_token stop);
  /// No new work; what is ready is still done.
  void Drain() { queue_.ShutDownWithDrain(); }

  void Wake(const Request& request, std::string_view cause) override;
  void WakeAll(std::string_view cause) override;

  const LoopOptions& options() const { return options_; }
  const std::string& resource() const { return resource_; }
  const AnyController& controller() const { return *controller_; }
  const WorkQueue& queue() const { return queue_; }
  /// What it has done so far, and what there is of its kind.
  LoopMetrics Metrics() const;
  /// In the object's group: `hero.dev/user`. Empty: none.
  const std::string& finalizer() const { return finalizer_; }

 private:
  void Reconcile(const Request& request);
  void ReconcileObject(const Request& request, const SnapshotPtr& snapshot, PassRecord& record);
  void TakeInventory(PassRecord& record);
  void Finish(const Request& request, const PassOutcome& outcome, PassRecord& record);
  void EndGone(const Request& request);
  api::Expected<std::vector<Chain>> Orphans() const;
  bool IsSuspended(const api::Object& object, const Request& request);
  std::chrono::milliseconds Schedule(const Request& request, const PassOutcome& outcome);
  std::chrono::milliseconds ScheduleRetry(const Request& request, const api::Error& error);
  void Add(const Request& request, std::string_view cause, AddOptions options);
  void NoteCause(const Request& request, std::string_view cause);
  std::vector<std::string> TakeCauses(const Request& request);
  ObjectCounts CountObjects() const;
  void CountStale();
  void Count(const PassRecord& record, const PassOutcome& outcome);
  void OnOwnChange(const SnapshotPtr& before, const SnapshotPtr& after);
  void OnWatchedChange(const Sources::Watched& watched, const SnapshotPtr& before, const SnapshotPtr& after);
  void OnApproval(const SnapshotPtr& before, const SnapshotPtr& after);

  // Constant after construction.
  const Engine engine_;
  const std::unique_ptr<AnyController> controller_;
  const LoopOptions options_;
  const std::string finalizer_;
  const std::string resource_;
  Sources sources_;

  // Thread-safe.
  WorkQueue queue_;
  OwnWrites own_writes_;
  ObjectTimes object_times_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  LoopStats stats_;
  std::map<Request, std::vector<std::string>> causes_;  // Since the last pass began.
  std::map<Request, api::Uid> gone_;                    // Objects that were removed and whose tasks are not ended yet.
};

}  // namespace reconciler
