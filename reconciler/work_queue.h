#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "host/clock.h"
#include "host/entropy.h"
#include "reconciler/queue_stats.h"
#include "reconciler/request.h"
#include "reconciler/work_queue_entry.h"

namespace reconciler {

struct WorkQueueOptions {
  /// Full jitter below base * 2^failures. A corrected world is seen by watches; backoff is for what nobody announces.
  std::chrono::milliseconds backoff_base{50};
  std::chrono::milliseconds backoff_max{std::chrono::minutes(5)};
  /// How long a key of one priority level lower may be overtaken: its wait is bounded by this (contract: 30 s).
  std::chrono::milliseconds ageing{std::chrono::seconds(30)};
  std::size_t keys_max = 1'000'000;  ///< Ten times the largest box asked for; beyond it Add refuses.
  /// How many keys that failed may be in hand at once while others are ready, so that they hold up nobody else. 0: any
  /// number.
  int retries_max = 0;
  /// The breaker of a key: after so many failures in a row each further try comes after at least half of
  /// `breaker_pause`, at most all of it. Nine backoffs are 25 s at most: what lasts longer is no hiccup. 0: no breaker.
  int breaker_after = 10;
  std::chrono::milliseconds breaker_pause{std::chrono::minutes(10)};
};

struct AddOptions {
  Priority priority = Priority::kNormal;
  std::chrono::milliseconds after{0};
  std::string_view cause{};  ///< Short, for people: "spec changed". Copied, cut at WorkQueue::kCauseMax.
};

/// One key as the queue sees it, for introspection.
struct QueuedKey {
  enum class State { kReady, kWaiting, kProcessing };

  Request request{};
  State state = State::kReady;
  Priority priority = Priority::kNormal;
  std::chrono::milliseconds age{};       ///< Since it was added, or taken.
  std::chrono::milliseconds ready_in{};  ///< Of a waiting one.
  int failures = 0;
  std::string last_cause{};  ///< What the last Add was told.
};

/// Hands each key to one worker at a time; a key added while being worked on comes back once, afterwards. One entry per
/// key: an Add without delay replaces a waiting one, an earlier ready time wins over a later one. Bounded, thread-safe.
class WorkQueue {
 public:
  static constexpr std::size_t kCauseMax = 120;  ///< Bytes. A line of a table.

  WorkQueue(const host::Clock& clock, host::Entropy& entropy, WorkQueueOptions options = {});

  /// Never blocks. False once shut down or draining, or when the queue is full and the key is new.
  bool Add(const Request& request, AddOptions options = {});

  /// Adds with the key's next backoff delay, and counts a failure.
  bool AddRateLimited(const Request& request, Priority priority = Priority::kNormal, std::string_view cause = "retry");

  /// The key to work on, waiting for one to become ready. No value once shut down, once drained, or when stop was asked
  /// for.
  std::optional<Request> Get(const std::stop_token& stop);
  /// The same without waiting, for whoever steps the clock by hand.
  std::optional<Request> TakeReady();

  /// Ends the work on a key that Get handed out. Exactly once for each.
  void Done(const Request& request);

  /// Clears the key's failures. Removes it from nothing.
  void Forget(const Request& request);
  int failures(const Request& request) const;
  /// True once the key has failed `breaker_after` times in a row, until Forget.
  bool IsBroken(const Request& request) const;

  /// Drops the key's entry if it waits or is ready. True when there was one. Work in hand goes on.
  bool Cancel(const Request& request);

  /// Drops what is delayed or ready and refuses what comes; every Get ends at once. Work in hand goes on.
  void ShutDown();
  /// Drops what is delayed and refuses what comes; what is ready or in hand is still worked on (a key in hand that was
  /// added again comes back), then every Get ends. Does not wait; ShutDown() ends it early.
  void ShutDownWithDrain();

  /// Keys whose time has come, those among them that are in hand and come back.
  std::size_t size() const;
  /// When the next delayed key becomes ready; no value when none is delayed.
  std::optional<std::chrono::steady_clock::time_point> NextReady() const;
  std::vector<QueuedKey> Inspect() const;
  QueueStats Stats() const;

 private:
  using TimePoint = QueueEntry::TimePoint;
  enum class State { kOpen, kDraining, kShutDown };
  /// The ready keys of one priority. Two lists, so that retries can be passed over without a search.
  struct Level {
    EntryList fresh{};
    EntryList retries{};
  };

  bool AddWith(const Request& request, const AddOptions& options, const std::uint64_t* failure);
  bool Queue(QueueEntry& entry, const AddOptions& options, TimePoint now);
  bool Delay(QueueEntry& entry, TimePoint ready_at);
  bool MakeReady(QueueEntry& entry, TimePoint since, TimePoint now);
  void PushReady(QueueEntry& entry, TimePoint order);
  void Dequeue(QueueEntry& entry);
  EntryList& ListOf(const QueueEntry& entry);
  TimePoint Observe(TimePoint reading) const;
  void Promote(TimePoint now);
  QueueEntry* First() const;
  const QueueEntry* Take(TimePoint now);
  bool IsOver() const;
  QueueEntry* FindHeld(const Request& request) const;
  void Wait(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
  bool HasWorkForAnother() const;
  void DropDelayed();
  void DropIfIdle(QueueEntry& entry);

  // Thread-safe; outlive this.
  const host::Clock& clock_;
  host::Entropy& entropy_;

  // Constant after construction.
  const WorkQueueOptions options_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable_any changed_;
  EntryTable entries_;
  std::array<Level, kPriorities> levels_{};
  DelayHeap delayed_;
  EntryList held_;
  State state_ = State::kOpen;
  int retries_held_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t changes_ = 0;              ///< Counts what a waiting Get wants to know of.
  int waiters_ = 0;                        ///< Threads in Wait.
  TimePoint wakes_at_ = TimePoint::max();  ///< When a thread in Wait looks at the clock by itself; max: none does.
  mutable TimePoint now_{};                ///< The latest look at the clock.
  mutable std::vector<TimePoint> ended_;   ///< When those were taken whose work ended since then.
  mutable QueueStats stats_{};             ///< But for what is counted when somebody asks.
};

}  // namespace reconciler
