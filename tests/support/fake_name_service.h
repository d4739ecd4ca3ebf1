#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/passwd/name_service.h"

namespace tests {

/// A directory of names beside the files. Thread-safe.
class FakeNameService final : public host::passwd::NameService {
 public:
  api::Expected<Known> Ask(const host::passwd::Identities& asked) override {
    const std::lock_guard lock(mutex_);
    ++calls_;
    if (error_) return *error_;
    Known known;
    for (const Entry& entry : accounts_) {
      if (asked.accounts.contains(entry.name) || asked.ids.contains(entry.id)) known.accounts.push_back(entry);
    }
    for (const Entry& entry : groups_) {
      const bool is_name = asked.groups.contains(entry.name) || asked.accounts.contains(entry.name);
      if (is_name || asked.ids.contains(entry.id)) known.groups.push_back(entry);
    }
    return known;
  }

  void AddAccount(std::string name, std::int64_t id) {
    const std::lock_guard lock(mutex_);
    accounts_.push_back({std::move(name), id});
  }
  void AddGroup(std::string name, std::int64_t id) {
    const std::lock_guard lock(mutex_);
    groups_.push_back({std::move(name), id});
  }
  /// Every call fails from now on.
  void Fail(api::Error error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Entry> accounts_;
  std::vector<Entry> groups_;
  std::optional<api::Error> error_;
  int calls_ = 0;
};

}  // namespace tests
