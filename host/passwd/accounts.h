#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host/accounts.h"
#include "host/clock.h"
#include "host/passwd/account_files.h"
#include "host/passwd/account_rules.h"
#include "host/passwd/account_tables.h"
#include "host/passwd/name_service.h"

namespace host::passwd {

struct AccountsOptions {
  AccountRules rules{};
  /// Beside the files; thread-safe and outlives the accounts. None: the files are all there is, as on a rootless box.
  NameService* name_service = nullptr;
  /// A rootless box begins without files, and the first account makes them. A real one that lost one is broken.
  bool makes_missing_files = false;
  std::chrono::milliseconds lock_patience{
      std::chrono::seconds(10)};  ///< As long as lckpwdf waits at most (15 s), or less.
};

/// The accounts in the files passwd, group, shadow and gshadow of a directory: /etc of a real box, or that below the
/// root of a rootless one. What is wished is checked again here, whoever asks (AccountRules). Thread-safe; a second
/// process that takes the lock is no trouble, one that does not is noticed.
class FileAccounts final : public Accounts {
 public:
  /// `etc` holds the files; `clock` tells the day.
  FileAccounts(std::string etc, const Clock& clock, AccountsOptions options = {});

  /// Errors also: kUnavailable when one of the files is missing, where they are not made.
  api::Expected<std::optional<Account>> Find(std::string_view name) const override;
  /// Errors also: as CheckWish; kForbidden for the account of a system, and for a name that getent finds and the files
  /// do not have.
  api::Expected<Account> Ensure(const AccountWish& wish) override;
  /// None also when they cannot be read, or when a group was made, removed or given another number.
  std::optional<std::set<std::string>> TakeChanged() override;

  /// How often the files were rewritten: under load less often than accounts were made.
  std::int64_t Rewrites() const;

 private:
  using Answer = api::Expected<Account>;
  struct Request {
    const AccountWish& wish;  // Lives in Ensure, which waits for the answer.
    std::optional<Answer> answer{};
  };

  bool IsWriting() const;
  api::Expected<AccountsVersion> Current() const;
  AccountsVersion Known() const;
  void Keep(AccountsVersion version) const;
  std::vector<Answer> Rewrite(const std::vector<Request*>& batch) noexcept;  // Others wait for it, so it has to return.
  api::Expected<std::vector<Answer>> TryRewrite(const std::vector<Request*>& batch, const Identities& asked,
                                                const Identities& elsewhere, Identities& to_ask);
  api::Expected<Identities> AskElsewhere(const Identities& asked) const;
  std::int64_t Today() const;

  // Constant after construction.
  std::string etc_;
  const Clock& clock_;  // Thread-safe; outlives us.
  AccountsOptions options_;

  mutable std::mutex loading_;  // Held while the files are read and parsed; taken before mutex_.
  mutable std::mutex mutex_;
  std::condition_variable answered_;
  // Guarded by mutex_.
  mutable AccountsVersion known_;
  std::shared_ptr<const LoadedAccounts> told_;  // As of the last TakeChanged, with what we wrote since.
  std::vector<Request*> waiting_;
  bool is_writing_ = false;
  std::int64_t rewrites_ = 0;
};

}  // namespace host::passwd
