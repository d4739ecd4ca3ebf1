#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace reconciler {

/// A lock that one holds alone or many share, in the order in which they came: no crowd of either sort keeps the other
/// waiting, as that of std::shared_mutex does. For std::unique_lock and std::shared_lock. Not to be locked twice by one
/// thread, shared neither: who came between would wait for both.
class FairSharedMutex {
 public:
  void lock() {
    std::unique_lock guard(mutex_);
    Queue(guard, [&] { return !is_alone_ && sharing_ == 0; });
    is_alone_ = true;
  }
  void unlock() {
    const std::lock_guard guard(mutex_);
    is_alone_ = false;
    changed_.notify_all();
  }

  void lock_shared() {
    std::unique_lock guard(mutex_);
    Queue(guard, [&] { return !is_alone_; });
    ++sharing_;
  }
  void unlock_shared() {
    const std::lock_guard guard(mutex_);
    if (--sharing_ == 0) changed_.notify_all();
  }

 private:
  /// Waits until all who came before are in, and it may come in too.
  template <class MayEnter>
  void Queue(std::unique_lock<std::mutex>& guard, const MayEnter& may_enter) {
    const std::uint64_t number = next_++;
    changed_.wait(guard, [&] { return number == served_ && may_enter(); });
    ++served_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable changed_;
  std::uint64_t next_ = 0;    // The number of whoever comes next.
  std::uint64_t served_ = 0;  // Of whoever comes in next.
  std::size_t sharing_ = 0;
  bool is_alone_ = false;
};

}  // namespace reconciler
