#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "reconciler/watch.h"

namespace reconciler {

/// The bounded queue between the store and one reader of a watch. Thread-safe.
class EventQueue {
 public:
  /// `bytes_max` of the events' texts, which nothing but the queue may still hold.
  EventQueue(std::string resource, std::size_t events_max, std::size_t bytes_max);

  /// Never blocks; a full queue is emptied and lost. Tell the reader afterwards with Notify.
  void Push(const Event& event);
  /// Calls the reader's function. Not with a lock held that the function could want.
  void Notify();

  /// As Watch::Next and Watch::SetNotify.
  api::Expected<std::optional<Event>> Next(std::chrono::milliseconds wait, std::stop_token stop);
  void SetNotify(std::function<void()> notify);

  const std::string& resource() const { return resource_; }

 private:
  // Constant after construction.
  const std::string resource_;
  const std::size_t events_max_;
  const std::size_t bytes_max_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable_any changed_;
  std::deque<Event> events_;
  std::size_t bytes_ = 0;
  bool is_lost_ = false;

  std::mutex notify_mutex_;  // Held while notifying, so that no call begins after SetNotify({}) returned.
  // Guarded by notify_mutex_.
  std::function<void()> notify_;
};

}  // namespace reconciler
