#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/accounts.h"
#include "host/clock.h"
#include "host/sandbox/account_files.h"
#include "host/sandbox/account_tables.h"

namespace host::sandbox {

struct AccountsOptions {
  IdRanges ids{};
  std::chrono::milliseconds lock_patience{
      std::chrono::seconds(10)};  ///< As long as lckpwdf waits at most (15 s), or less.
};

/// The accounts of a rootless box: passwd, group and shadow below its root in the standard formats, owned by whoever
/// started it. The first account makes the files. Thread-safe; a second process that takes the lock is no trouble, one
/// that does not is noticed.
class SandboxAccounts final : public Accounts {
 public:
  /// `etc` holds the files; `clock` tells the day.
  SandboxAccounts(std::string etc, const Clock& clock, AccountsOptions options = {});

  api::Expected<std::optional<Account>> Find(std::string_view name) const override;
  api::Expected<Account> Ensure(const AccountWish& wish) override;

  /// How often the files were rewritten: under load less often than accounts were made.
  std::int64_t Rewrites() const;

 private:
  using Loaded = std::shared_ptr<const LoadedAccounts>;
  using Answer = api::Expected<Account>;
  struct Request {
    const AccountWish& wish;  // Lives in Ensure, which waits for the answer.
    std::optional<Answer> answer{};
  };

  bool IsWriting() const;
  api::Expected<Loaded> Current() const;
  std::vector<Answer> Rewrite(const std::vector<Request*>& batch) noexcept;  // Others wait for it, so it has to return.
  std::int64_t Today() const;

  // Constant after construction.
  std::string etc_;
  const Clock& clock_;  // Thread-safe; outlives us.
  AccountsOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable answered_;
  // Guarded by mutex_.
  mutable Loaded loaded_;
  std::vector<Request*> waiting_;
  bool is_writing_ = false;
  std::int64_t rewrites_ = 0;
};

}  // namespace host::sandbox
