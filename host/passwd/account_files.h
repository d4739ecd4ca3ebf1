#pragma once

#include <array>
#include <memory>
#include <string>

#include "api/meta/expected.h"
#include "host/linux/files.h"
#include "host/passwd/account_tables.h"

/// passwd, group, shadow and gshadow on the disk, read and written as one.
namespace host::passwd {

/// Which versions of the four files: passwd, group, shadow, gshadow.
using AccountStamps = std::array<linux::FileStamp, 4>;

/// What the files said, and what it means.
struct LoadedAccounts {
  AccountTexts texts{};
  AccountTables tables{};
};

struct AccountsVersion {
  std::shared_ptr<const LoadedAccounts> accounts{};  // Shared by the versions that say the same.
  AccountStamps stamps{};
  bool is_settled =
      false;  ///< False: a change can hide behind these stamps (host/linux/files.h), so they prove nothing.
  bool is_complete = false;  ///< passwd, group and shadow are there.
};

/// Absent files are empty: a new box has none, and a run that ended while it made the first ones left some.
api::Expected<AccountStamps> StampAccounts(const std::string& etc);

/// The bytes are read, but parsed only where they differ from those of `known`, which may be none. Errors: kUnavailable
/// (unreadable, does not parse, changes again and again while being read).
api::Expected<AccountsVersion> LoadAccounts(const std::string& etc, const AccountsVersion& known = {});

/// Writes the changed tables: all of them beside the files first, then group, gshadow, shadow and passwd are put in
/// place, each over the version of `stamps` alone. An account exists once it is in passwd, so whoever sees it sees all
/// of it; what a kill or a conflict between two files leaves is completed by the next AccountTables::Apply. Owner and
/// mode stay; what stood there is kept as `passwd-` and so on, as the shadow tools do. Call with the lock held. Errors:
/// kConflict when somebody without the lock changed a file since `stamps`: that file is as he left it.
api::Expected<void> SaveAccounts(const std::string& etc, const AccountTables& tables, const AccountStamps& stamps);

}  // namespace host::passwd
