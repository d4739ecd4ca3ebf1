#include "server/workers.h"

#include <algorithm>
#include <utility>

namespace server {

Workers::Workers(int threads, std::size_t waiting_max)
    : threads_count_(static_cast<std::size_t>(std::max(threads, 1))),
      running_max_(std::max<std::size_t>(threads_count_ - 1, 1)),
      waiting_max_(waiting_max) {}

void Workers::Start() {
  threads_.reserve(threads_count_);
  for (std::size_t i = 0; i < threads_count_; ++i) threads_.emplace_back([this] { Run(); });
}

void Workers::Stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();
}

bool Workers::Add(const std::string& user, Work work) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = users_.try_emplace(user).first;
    if (found->second.waiting.size() >= waiting_max_) return false;
    found->second.waiting.push_back(std::move(work));
    GiveTurn(found);
  }
  changed_.notify_one();
  return true;
}

/// At the end of the line, if there is something that may run.
void Workers::GiveTurn(Users::iterator user) {
  User& of_user = user->second;
  if (of_user.has_turn || of_user.waiting.empty() || of_user.running >= running_max_) return;
  of_user.has_turn = true;
  turns_.push_back(user);
}

void Workers::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_stopping_ || !turns_.empty(); });
    if (is_stopping_) return;
    const Users::iterator user = turns_.front();
    turns_.pop_front();
    User& of_user = user->second;
    of_user.has_turn = false;
    Work work = std::move(of_user.waiting.front());
    of_user.waiting.pop_front();
    ++of_user.running;
    GiveTurn(user);
    lock.unlock();
    work();
    work = {};
    lock.lock();
    --of_user.running;
    GiveTurn(user);
    if (of_user.running == 0 && of_user.waiting.empty()) users_.erase(user);
  }
}

}  // namespace server
