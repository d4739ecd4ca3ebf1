#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace reconciler {

/// Threads that start and end together. Used by one thread.
class ThreadGroup {
 public:
  ThreadGroup() = default;
  /// Asks all to stop and waits for them, however long it takes.
  ~ThreadGroup() = default;

  void Start(const std::string& name, std::function<void(std::stop_token)> run) {
    std::list<std::string>::iterator place;
    {
      std::lock_guard lock(mutex_);
      place = running_.insert(running_.end(), name);
    }
    threads_.emplace_back([this, place, run = std::move(run)](const std::stop_token& stop) {
      run(stop);
      std::lock_guard lock(mutex_);
      running_.erase(place);
      ended_.notify_all();
    });
  }

  void RequestStop() {
    for (std::jthread& thread : threads_) thread.request_stop();
  }

  /// False when some still run at `deadline`.
  bool WaitUntil(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    return ended_.wait_until(lock, deadline, [this] { return running_.empty(); });
  }

  /// The names of those that run.
  std::set<std::string> Running() const {
    std::lock_guard lock(mutex_);
    return {running_.begin(), running_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::list<std::string> running_;   // Guarded by mutex_.
  std::list<std::jthread> threads_;  // Last: they use the rest until they have ended.
};

}  // namespace reconciler
