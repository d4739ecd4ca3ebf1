#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "api/schema/schema.h"
#include "host/file_watch.h"
#include "reconciler/collector.h"
#include "reconciler/controller.h"
#include "reconciler/engine.h"
#include "reconciler/loop.h"
#include "reconciler/planner.h"
#include "reconciler/store.h"
#include "reconciler/thread_group.h"

namespace reconciler {

struct ManagerOptions {
  int task_workers = 4;  ///< Fetches and archives at a time: they wait for the network and the disk, not for a core.
  std::chrono::milliseconds sync_deadline{std::chrono::minutes(2)};  ///< For the first list of every kind.
  std::chrono::milliseconds drain_deadline{2000};  ///< After stop: for work that is ready and waits for a worker.
  std::chrono::milliseconds stop_deadline{5000};   ///< After stop: for everything.
  bool checks_purity = false;                      ///< See Engine.
  bool is_observe_only = false;                    ///< Every loop looks and reports, and changes nothing.
  /// Called once when something has not ended by then, with its name: a thread cannot be ended from outside, so a
  /// program can only end whole. What is half done is found by the next start.
  std::function<void(const std::string& stuck)> on_stuck{};
};

/// What the engine needs of the machine it runs on. All thread-safe; they outlive it.
struct Machine {
  const host::Clock& clock;
  host::Entropy& entropy;
  host::FileWatch* file_watch = nullptr;  ///< Null: changes of files are found by rescans alone. Run by the manager.
  host::AppendLog* audit_log = nullptr;   ///< Null: no audit.
};

/// One controller's queue.
struct QueueReport {
  std::string controller{};
  std::vector<QueuedKey> keys{};
};

/// Something that has to be well before work can be done.
struct HealthCheck {
  std::string name{};
  std::string failure{};  ///< Empty: it is well.
};

/// Puts the engine together and runs it: tasks, informers, host sources, workers, in this order, and back.
/// Set up by one thread; then Run, or Step by a test.
class Manager {
 public:
  /// All of them are thread-safe and outlive this. Tasks are kept in `store`, wherever `client` leads; `catalog` says
  /// which kinds there are.
  Manager(Client& client, Store& store, const api::schema::Catalog& catalog, const Machine& machine,
          ManagerOptions options = {});
  ~Manager();

  /// Parents before children.
  template <class ControllerT>
  void Add(std::unique_ptr<ControllerT> controller, const LoopOptions& options) {
    AddLoop(std::make_unique<TypedController<ControllerT>>(std::move(controller)), options);
  }

  /// Something else that runs beside the loops, from before the first reconcile to after the last: a file watch, a
  /// server.
  void AddRunnable(std::string name, std::function<void(std::stop_token)> run);

  /// Blocks until stop is requested and everything has ended; a stop before the first lists are in starts no worker.
  /// Errors: kTimeout when a kind's first list did not come in time.
  api::Expected<void> Run(std::stop_token stop);

  /// Does one thing that is ready, in this thread: takes in changes, makes a pass, runs a task. False when there was
  /// nothing, or when a list failed: the next Step asks again.
  bool Step();

  /// What would be done now, for objects as they are in the store. Any thread; kUnavailable before the first lists are
  /// in.
  api::Expected<PlanReport> Plan(const PlanQuery& query);

  /// What every controller has to do and is doing. Any thread.
  std::vector<QueueReport> Queues() const;

  /// Any thread.
  std::vector<MetricFamily> Metrics() const;

  /// Whether objects can be written, and whether all were read. Any thread.
  std::vector<HealthCheck> Readiness() const;

  /// The newest passes over an object, oldest first. Any thread.
  std::vector<PassRecord> History(const api::ObjectKey& object) const { return journal_.Find(object); }

  bool is_synced() const;
  const std::vector<std::unique_ptr<Loop>>& loops() const { return loops_; }

 private:
  void AddLoop(std::unique_ptr<AnyController> controller, const LoopOptions& options);
  void Connect();
  api::Expected<bool> SyncInformers(std::stop_token stop);
  void StartHostSources();
  void StartWork(ThreadGroup& base, ThreadGroup& workers);
  void EndWork(ThreadGroup& base, ThreadGroup& workers);
  void KeepHouse();
  void RunHousekeeping(std::stop_token stop);
  std::string Busy() const;

  Store& store_;
  const Machine machine_;
  const ManagerOptions options_;
  Audit audit_;
  Informers informers_;
  Tasks tasks_;
  Recorder recorder_;
  Approvals approvals_;
  PathWatches path_watches_;
  Journal journal_;
  Collector collector_;
  const Engine engine_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::pair<std::string, std::function<void(std::stop_token)>>> runnables_;
  // Of the thread that sets up and runs.
  bool is_connected_ = false;
  bool has_host_sources_ = false;
};

}  // namespace reconciler
