#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "api/meta/object.h"
#include "host/clock.h"

namespace reconciler {

class Store;

/// What a host step came to: done, an error, or pending on a task.
class StepOutcome {
 public:
  StepOutcome() = default;  ///< Done.
  StepOutcome(api::Error error) : error_(std::move(error)) {}
  StepOutcome(const api::Expected<void>& result) {
    if (!result) error_ = result.error();
  }
  /// The task's end wakes the object; by then it is looked at in any case.
  static StepOutcome Pending(std::chrono::milliseconds deadline) {
    StepOutcome outcome;
    outcome.pending_ = deadline;
    return outcome;
  }

  const std::optional<api::Error>& error() const { return error_; }
  const std::optional<std::chrono::milliseconds>& pending() const { return pending_; }

 private:
  std::optional<api::Error> error_{};
  std::optional<std::chrono::milliseconds> pending_{};
};

/// Long work: what a fetch, an archive or a build asks for. Run again from the start after a crash, so it has to look
/// for what an earlier run left. Its result is small (under 4 KiB) and no secret.
struct TaskWish {
  std::string input{};                    ///< Digest of everything that decides what the work does.
  std::chrono::milliseconds deadline{0};  ///< Required, from the start of the work; then it is asked to stop.
  /// A run for another input ends first, instead of being stopped: for work that is worth having anyhow, and that news
  /// coming faster than it ends would keep from ever ending.
  bool lets_finish = false;
  std::function<api::Expected<api::Json>(std::stop_token)> work{};
};

/// A task as it is on disk. Observe reads it; the world that it changed is the better witness.
struct TaskState {
  enum class Phase { kRunning, kSucceeded, kFailed };

  std::string input{};
  Phase phase = Phase::kRunning;
  api::Time started{};
  api::Time ended{};   ///< Of an ended one.
  api::Json result{};  ///< Of a succeeded one.
  api::Error error{};  ///< Of a failed one.

  bool operator==(const TaskState&) const = default;
};

struct TaskOptions {
  std::size_t queue_max = 10'000;  ///< As many as one commit can ask for with 10 000 users.
};

/// Runs long work beside the reconciles, one task for each (object, step). Its state is in the store, so that it
/// survives this process: a task that was running or whose end was not told in a dead process is started again.
/// Thread-safe.
class Tasks {
 public:
  /// Told how a task ended, from the thread that ran it and after its state is in the store.
  using Ended = std::function<void(const TaskState&)>;

  Tasks(Store& store, const host::Clock& clock, TaskOptions options = {});

  /// The newest task of that step of that object.
  std::optional<TaskState> Find(const api::Uid& object, std::string_view step) const;

  /// Makes sure that the wished work has been done for the step: pending while it waits or runs, then once its end:
  /// done or its error. Asked again after that, or after Settle, it starts anew, for the world needs it again. Another
  /// input stops a running task, unless it lets that finish, and starts the new one after it. `ended` is called at its
  /// end. Errors: kTimeout beyond the deadline, kUnavailable when the queue is full or the store fails.
  StepOutcome Ensure(const api::Uid& object, std::string_view step, TaskWish wish, Ended ended);

  /// The object wants only these steps: others are asked to stop, unless they may finish. Nobody will ask for their
  /// end, so their next wish starts anew.
  void Settle(const api::Uid& object, const std::set<std::string>& wanted);

  /// Asks those to stop whose deadline has passed. For whoever keeps house, every second or so.
  void StopLate();

  /// Asks all tasks of an object to stop. True while there are any; the end of each is told as ever.
  bool Stop(const api::Uid& object);

  /// Forgets all tasks of an object that goes, once Stop says that none is left.
  void Forget(const api::Uid& object);

  /// Runs one waiting task in this thread. False when none waits.
  bool Step();
  /// A worker: runs tasks until stop is requested, which stops the one in hand as well. Any number of threads.
  void Run(std::stop_token stop);

 private:
  using Key = std::pair<std::string, std::string>;  // Object's uid, step's id.
  struct Live {
    TaskWish wish;
    Ended ended;
    std::stop_source stop;
    std::optional<std::chrono::steady_clock::time_point> deadline{};  // No value: it waits for a worker.
  };

  std::optional<StepOutcome> JoinLive(const Key& key, const TaskWish& wish);
  StepOutcome Start(const Key& key, TaskWish wish, Ended ended);
  static api::Expected<api::Json> RunWork(const Live& live);
  void Execute(const Key& key, const std::shared_ptr<Live>& live);
  api::Expected<void> Save(const Key& key, const TaskState& state);

  // Thread-safe; outlive this.
  Store& store_;
  const host::Clock& clock_;

  // Constant after construction.
  const TaskOptions options_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable_any waiting_changed_;
  std::deque<Key> waiting_;
  std::map<Key, std::shared_ptr<Live>> live_;  // Shared with the thread that runs it.
  std::map<Key, TaskState> news_;              // Ended in this process, and nobody was told.
};

}  // namespace reconciler
