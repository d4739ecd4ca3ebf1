#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/team_sync.h"
#include "tests/support/call_counter.h"

namespace tests {

/// A state and a log in memory. Thread-safe.
class FakeTeamSync final : public host::TeamSync {
 public:
  api::Expected<std::optional<host::TeamSyncState>> Read() const override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    if (is_garbage_) return api::Error{api::Code::kInvalid, "InvalidToml", "state.toml:1:1: is no state"};
    return state_;
  }

  api::Expected<void> Write(const host::TeamSyncState& state) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    counter_.CountWrite();
    is_garbage_ = false;
    state_ = state;
    return {};
  }

  api::Expected<void> Log(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    counter_.CountWrite();
    lines_.emplace_back(line);
    return {};
  }

  std::optional<host::TeamSyncState> state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  /// As if the file were lost.
  void Lose() {
    const std::lock_guard lock(mutex_);
    state_.reset();
  }
  void Garble() {
    const std::lock_guard lock(mutex_);
    state_.reset();
    is_garbage_ = true;
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
  std::optional<host::TeamSyncState> state_;
  bool is_garbage_ = false;
  std::vector<std::string> lines_;
};

}  // namespace tests
