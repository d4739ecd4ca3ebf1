#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "host/linux/files.h"

namespace host::passwd {

/// The locks that useradd, passwd and the other shadow tools take, released at the end: `.pwd.lock` (lckpwdf), then
/// passwd.lock, group.lock, gshadow.lock and shadow.lock, each of which names a process. A tool that was told another
/// root (`useradd -P`) takes the latter alone. Of these all or none are held, so nobody waits in a circle.
class AccountLock {
 public:
  /// Takes over a lock whose process is dead, as those tools do. Errors: kUnavailable after `patience`, naming the file
  /// and what to do.
  static api::Expected<AccountLock> Acquire(const std::string& etc, std::chrono::milliseconds patience);

  AccountLock(AccountLock&& other) noexcept = default;
  AccountLock& operator=(AccountLock&&) = delete;
  ~AccountLock();

 private:
  AccountLock(linux::Fd directory, linux::Fd lckpwdf);

  /// Empty when all of them are ours now, else the reason why one is not. Errors: kUnavailable.
  api::Expected<std::string> TryFiles();
  void ReleaseFiles();

  linux::Fd directory_;
  linux::Fd lckpwdf_;               // Closing it unlocks.
  std::vector<std::string> files_;  // Those that are ours; emptied before lckpwdf_ is closed.
};

}  // namespace host::passwd
