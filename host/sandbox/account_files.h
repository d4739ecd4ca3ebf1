#pragma once

#include <array>
#include <chrono>
#include <string>

#include "api/meta/expected.h"
#include "host/linux/files.h"
#include "host/sandbox/account_tables.h"

/// passwd, group and shadow on the disk, read and written as one.
namespace host::sandbox {

/// Which versions of the three files: passwd, group, shadow.
using AccountStamps = std::array<linux::FileStamp, 3>;

struct LoadedAccounts {
  AccountTables tables{};
  AccountStamps stamps{};
  bool is_settled =
      false;  ///< False: a change can hide behind these stamps (host/linux/files.h), so they prove nothing.
  bool is_complete = false;  ///< All three files are there.
};

/// Absent files are empty: a new box has none, and a run that ended while it made the first ones left some.
api::Expected<AccountStamps> StampAccounts(const std::string& etc);
/// Errors: kUnavailable (unreadable, does not parse, changes again and again while being read).
api::Expected<LoadedAccounts> LoadAccounts(const std::string& etc);

/// Writes the changed tables: all of them beside the files first, then group, shadow and passwd are put in place. An
/// account exists once it is in passwd, so whoever sees it sees all of it; what a kill between two files leaves is
/// completed by the next AccountTables::Apply. Call with the lock held. Errors: kConflict when somebody without the
/// lock changed a file since `stamps`; nothing was written then.
api::Expected<void> SaveAccounts(const std::string& etc, const AccountTables& tables, const AccountStamps& stamps);

/// The lock that useradd, passwd and the other shadow tools take (lckpwdf), released at the end.
class AccountLock {
 public:
  /// Errors: kUnavailable after `patience`.
  static api::Expected<AccountLock> Acquire(const std::string& etc, std::chrono::milliseconds patience);

 private:
  explicit AccountLock(linux::Fd fd) : fd_(std::move(fd)) {}

  linux::Fd fd_;  // Closing it unlocks.
};

}  // namespace host::sandbox
