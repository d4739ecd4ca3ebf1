#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/request.h"

namespace reconciler {

/// Urgent work overtakes less urgent work that became ready less than WorkQueueOptions::ageing before it.
enum class Priority : std::uint8_t { kLow, kNormal };
inline constexpr std::size_t kPriorities = 2;

/// All that a WorkQueue knows of one key. It stays where it is in memory until the key is forgotten.
struct QueueEntry {
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kNotDelayed = ~std::size_t{0};

  Request request{};
  std::string cause{};  ///< What the last Add was told. Keeps its capacity, so the same key needs no new memory.
  std::size_t hash = 0;
  QueueEntry* before = nullptr;  ///< In the one list it is in: of free, of ready or of held entries.
  QueueEntry* after = nullptr;
  std::size_t heap_index = kNotDelayed;
  TimePoint order{};         ///< Of a delayed one: when it becomes ready. Of a ready one: its place on its level.
  TimePoint since{};         ///< Asked for since; of one whose delay is over, since it was.
  TimePoint taken{};         ///< Held since.
  std::uint64_t number = 0;  ///< Arrival: decides between equal times.
  int failures = 0;
  Priority priority = Priority::kNormal;
  bool is_ready = false;  ///< Its time has come. Held as well: it comes back.
  bool is_held = false;   ///< By a worker.
  bool is_retry = false;  ///< Had failures when it became ready, or was taken.

  bool is_delayed() const { return heap_index != kNotDelayed; }
  bool is_queued() const { return is_ready || is_delayed(); }
};

/// A first-in-first-out list through the entries themselves: no call allocates, any entry can leave.
class EntryList {
 public:
  QueueEntry* front() const { return first_; }
  bool empty() const { return first_ == nullptr; }
  void Push(QueueEntry& entry);
  void Remove(QueueEntry& entry);

 private:
  QueueEntry* first_ = nullptr;
  QueueEntry* last_ = nullptr;
};

/// Delayed entries, the one that becomes ready first on top; of equal times the one that came first.
class DelayHeap {
 public:
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  QueueEntry& top() const { return *items_.front(); }
  void Push(QueueEntry& entry);
  void Remove(QueueEntry& entry);

 private:
  static bool IsBefore(const QueueEntry& a, const QueueEntry& b) {
    return a.order != b.order ? a.order < b.order : a.number < b.number;
  }
  void Place(QueueEntry& entry, std::size_t index);
  void Raise(QueueEntry& entry, std::size_t index);
  void Sink(QueueEntry& entry, std::size_t index);

  std::vector<QueueEntry*> items_;
};

/// Finds the entry of a key: open addressing with linear probing, at most half full. Entries are used again, so a key
/// that comes and goes costs no memory allocation. Memory is that of the most keys there ever were at once.
class EntryTable {
 public:
  EntryTable();

  std::size_t size() const { return size_; }
  /// Null when there is none. `hash` is RequestHash of it.
  QueueEntry* Find(const Request& request, std::size_t hash) const;
  /// The entry of a key that has none yet.
  QueueEntry& Insert(const Request& request, std::size_t hash);
  void Erase(QueueEntry& entry);

  template <class Visit>
  void ForEach(const Visit& visit) const {
    for (const Slot& slot : slots_)
      if (slot.entry != nullptr) visit(*slot.entry);
  }

 private:
  struct Slot {
    std::size_t hash = 0;
    QueueEntry* entry = nullptr;
  };

  std::size_t Home(std::size_t hash) const { return hash & (slots_.size() - 1); }
  std::size_t Next(std::size_t index) const { return (index + 1) & (slots_.size() - 1); }
  void Grow();

  std::vector<Slot> slots_;  // A power of two.
  std::deque<QueueEntry> entries_;
  QueueEntry* free_ = nullptr;  // Linked by `after`; the one used last is used first, while the cache has it.
  std::size_t size_ = 0;
};

}  // namespace reconciler
