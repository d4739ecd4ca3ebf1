#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/archives.h"
#include "tests/support/call_counter.h"

namespace tests {

/// Archives in memory: names only. Thread-safe.
class FakeArchives : public host::Archives {
 public:
  api::Expected<bool> Has(std::string_view file_name) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    return archives_.contains(file_name);
  }

  api::Expected<bool> IsWorthwhile(std::string_view home) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    return worthwhile_.contains(home);
  }

  api::Expected<host::Packed> Pack(std::string_view home, std::string_view file_name, std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    if (stop.stop_requested()) return api::Error{api::Code::kUnavailable, "Stopped", "pack: we are stopping"};
    if (pack_error_) return *pack_error_;
    if (!worthwhile_.contains(home)) {
      return api::Error{api::Code::kNotFound, "NotFound", "pack " + std::string(home) + "/hero: it is not there"};
    }
    archives_.emplace(file_name);
    counter_.CountWrite();
    return host::Packed{.files = 1};
  }

  /// The member has a ~/hero.
  void PutWork(std::string_view home) {
    const std::lock_guard lock(mutex_);
    worthwhile_.emplace(home);
  }
  std::vector<std::string> Names() const {
    const std::lock_guard lock(mutex_);
    return {archives_.begin(), archives_.end()};
  }

  void FailNth(int n, api::Error error) {
    const std::lock_guard lock(mutex_);
    counter_.FailNth(n, std::move(error));
  }
  /// Every packing fails so until it is taken back with no value.
  void FailPacks(std::optional<api::Error> error) {
    const std::lock_guard lock(mutex_);
    pack_error_ = std::move(error);
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
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  mutable CallCounter counter_;  // Reading counts too.
  std::optional<api::Error> pack_error_;
  std::set<std::string, std::less<>> worthwhile_;
  std::set<std::string, std::less<>> archives_;
};

}  // namespace tests
