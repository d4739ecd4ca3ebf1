#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/sessions.h"
#include "tests/support/call_counter.h"

namespace tests {

/// Sessions in memory. Thread-safe.
class FakeSessions final : public host::Sessions {
 public:
  api::Expected<host::SessionsState> Look(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    const auto entry = sessions_.find(name);
    return entry == sessions_.end() ? host::SessionsState{} : entry->second;
  }

  api::Expected<void> End(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    host::SessionsState& state = sessions_[std::string(name)];
    state = {.jobs = state.jobs};
    ended_.emplace_back(name);
    counter_.CountWrite();
    return {};
  }

  api::Expected<void> DropJobs(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    sessions_[std::string(name)].jobs = 0;
    counter_.CountWrite();
    return {};
  }

  host::SessionsState Get(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto entry = sessions_.find(name);
    return entry == sessions_.end() ? host::SessionsState{} : entry->second;
  }
  /// The member logs in, or puts something into the crontab.
  void Put(std::string_view name, host::SessionsState state) {
    const std::lock_guard lock(mutex_);
    sessions_[std::string(name)] = state;
  }
  std::vector<std::string> Ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

  void FailNth(int n, api::Error error) {
    const std::lock_guard lock(mutex_);
    counter_.FailNth(n, std::move(error));
  }
  int writes() const {
    const std::lock_guard lock(mutex_);
    return counter_.writes();
  }

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  mutable CallCounter counter_;  // Reading counts too.
  std::map<std::string, host::SessionsState, std::less<>> sessions_;
  std::vector<std::string> ended_;
};

}  // namespace tests
