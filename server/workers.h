#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace server {

/// Threads for work that waits. Users take turns: whoever has a thousand calls in the queue holds up nobody who has
/// one. One user never has all the threads, so a second one need not even wait for the first one's calls to end.
/// Thread-safe.
class Workers {
 public:
  using Work = std::function<void()>;

  /// `threads` is 1 at least. Of one user up to `waiting_max` wait.
  Workers(int threads, std::size_t waiting_max);
  ~Workers() { Stop(); }

  void Start();
  /// What still waits is forgotten, what runs is waited for.
  void Stop();

  /// False when that user has enough in the queue. `work` throws nothing.
  bool Add(const std::string& user, Work work);

 private:
  struct User {
    std::deque<Work> waiting{};
    std::size_t running = 0;
    bool has_turn = false;  ///< Stands in `turns_`.
  };
  using Users = std::map<std::string, User>;

  void Run();
  void GiveTurn(Users::iterator user);

  // Constant after construction.
  const std::size_t threads_count_;
  const std::size_t running_max_;  // Of one user.
  const std::size_t waiting_max_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  Users users_;  // Those with work.
  std::list<Users::iterator> turns_;
  bool is_stopping_ = false;

  std::vector<std::jthread> threads_;
};

}  // namespace server
