#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "host/homes.h"
#include "tests/support/call_counter.h"

namespace tests {

/// Homes in memory. Thread-safe.
class FakeHomes : public host::Homes {
 public:
  api::Expected<host::HomeState> Look(std::string_view home) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = Enter(home)) return *error;
    const auto entry = homes_.find(home);
    return entry == homes_.end() ? host::HomeState{} : entry->second;
  }

  api::Expected<void> EnsureHome(std::string_view home, std::int64_t, std::int64_t) override {
    const std::lock_guard lock(mutex_);
    if (auto error = Enter(home)) return *error;
    host::HomeState& state = homes_[std::string(home)];
    if (!std::exchange(state.exists, true) || !std::exchange(state.is_private, true)) counter_.CountWrite();
    state.is_private = true;
    return {};
  }

  api::Expected<void> WriteAuthorizedKeys(std::string_view home, std::string_view content) override {
    const std::lock_guard lock(mutex_);
    if (auto error = Enter(home)) return *error;
    const auto entry = homes_.find(home);
    if (entry == homes_.end() || !entry->second.exists) {
      return api::Error{api::Code::kNotFound, "NotFound", "open " + std::string(home) + ": no such file or directory"};
    }
    entry->second.has_keys_file = true;
    entry->second.authorized_keys = content;
    entry->second.is_keys_file_exposed = false;
    entry->second.is_keys_file_replaced = false;
    counter_.CountWrite();
    return {};
  }

  /// What is there now; a home that nobody made does not exist.
  host::HomeState Get(std::string_view home) const {
    const std::lock_guard lock(mutex_);
    const auto entry = homes_.find(home);
    return entry == homes_.end() ? host::HomeState{} : entry->second;
  }
  /// Somebody changes a home by hand.
  void Put(std::string_view home, host::HomeState state) {
    const std::lock_guard lock(mutex_);
    homes_[std::string(home)] = std::move(state);
  }
  /// Every call for that home is refused as if it were a link.
  void MakeLink(std::string_view home) {
    const std::lock_guard lock(mutex_);
    links_[std::string(home)] = true;
  }

  void FailNth(int n, api::Error error) {
    const std::lock_guard lock(mutex_);
    counter_.FailNth(n, std::move(error));
  }
  int writes() const {
    const std::lock_guard lock(mutex_);
    return counter_.writes();
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return counter_.calls();
  }

 private:
  std::optional<api::Error> Enter(std::string_view home) const {
    if (auto error = counter_.Call()) return error;
    if (!links_.contains(home)) return std::nullopt;
    return api::Error{api::Code::kForbidden, "NotAPlainPath", std::string(home) + " is a link; remove it"};
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  mutable CallCounter counter_;  // Reading counts too.
  std::map<std::string, host::HomeState, std::less<>> homes_;
  std::map<std::string, bool, std::less<>> links_;
};

}  // namespace tests
