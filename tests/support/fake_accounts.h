#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/accounts.h"
#include "tests/support/call_counter.h"

namespace tests {

/// Accounts in memory, with uids from 20000 as the sandbox has. Thread-safe.
class FakeAccounts : public host::Accounts, public host::Numbers {
 public:
  api::Expected<std::optional<host::Account>> Find(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    return Look(name);
  }

  api::Expected<std::vector<host::NumberHolder>> HoldersOf(const api::v1::IdRange& range) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    const auto holders = Holders();
    std::vector<host::NumberHolder> found;
    std::copy_if(holders.begin(), holders.end(), std::back_inserter(found),
                 [&range](const host::NumberHolder& one) { return range.Contains(one.id); });
    return found;
  }

  api::Expected<host::Account> Ensure(const host::AccountWish& wish) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    if (wish.name.empty() ||
        (wish.name + wish.gecos + wish.home + wish.shell).find_first_of(":\n") != std::string::npos) {
      return api::Error{api::Code::kInvalid, "InvalidAccount", "account " + wish.name + ": a field does not fit"};
    }
    const std::set<std::string> managed(wish.managed_groups.begin(), wish.managed_groups.end());
    const std::set<std::string> wished(wish.groups.begin(), wish.groups.end());
    if (!std::includes(managed.begin(), managed.end(), wished.begin(), wished.end())) {
      return api::Error{api::Code::kInvalid, "InvalidAccount", "account " + wish.name + ": a group is not managed"};
    }
    const auto before = Look(wish.name);
    host::Account account = before.value_or(host::Account{});
    if (!before && wish.uid && IsHeld(*wish.uid)) {
      return api::Error{api::Code::kForbidden, "UidTaken",
                        "account " + wish.name + ": its number " + std::to_string(*wish.uid) + " belongs to another"};
    }
    if (!before && !wish.uid) {
      while (IsHeld(next_uid_)) ++next_uid_;
    }
    if (!before) account.uid = account.gid = wish.uid.value_or(next_uid_);
    account.name = wish.name;
    account.gecos = wish.gecos;
    account.home = wish.home;
    account.shell = wish.shell;
    account.is_expired = wish.is_expired;
    std::set<std::string> groups = wished;
    for (const std::string& group : account.groups) {
      if (!managed.contains(group)) groups.insert(group);
    }
    account.groups.assign(groups.begin(), groups.end());
    if (before != account) counter_.CountWrite();
    accounts_[wish.name] = account;
    return account;
  }

  /// No value: no such account. Not a call of the interface: neither counted nor failed.
  std::optional<host::Account> Get(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    return Look(name);
  }
  /// Somebody makes or changes an account by hand.
  void Put(const host::Account& account) {
    const std::lock_guard lock(mutex_);
    accounts_[account.name] = account;
  }
  void Remove(std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (const auto entry = accounts_.find(name); entry != accounts_.end()) accounts_.erase(entry);
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
  std::set<host::NumberHolder> Holders() const {
    std::set<host::NumberHolder> holders;
    for (const auto& [name, account] : accounts_) holders.insert({{account.uid, name}, {account.gid, name}});
    return holders;
  }
  bool IsHeld(std::int64_t id) const {
    const auto holders = Holders();
    return std::any_of(holders.begin(), holders.end(), [id](const auto& one) { return one.id == id; });
  }
  std::optional<host::Account> Look(std::string_view name) const {
    const auto entry = accounts_.find(name);
    return entry == accounts_.end() ? std::nullopt : std::optional(entry->second);
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  mutable CallCounter counter_;  // Reading counts too.
  std::map<std::string, host::Account, std::less<>> accounts_;
  std::int64_t next_uid_ = 20000;
};

}  // namespace tests
