#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "host/accounts.h"

namespace host::priv {

struct SudoersNames;

struct MembersOptions {
  std::string root{};                    ///< Where etc is; empty: this machine.
  std::vector<std::string> adoptable{};  ///< Accounts of people that herod did not make and may have all the same.
};

/// Whose account a caller may have changed. Decided from what root alone writes: the account's number, which herod-priv
/// gives, the box's own configuration, and sudoers; never from what the caller says. Thread-safe.
class Members {
 public:
  /// `accounts` is thread-safe and outlives us.
  Members(MembersOptions options, const Accounts& accounts) : options_(std::move(options)), accounts_(accounts) {}

  /// The account of that name, if it may be changed; no value: there is none, and one may be made. Errors: kInvalid for
  /// what is no member's name; kForbidden `AsGoodAsRoot` by a group, `NamedInSudoers`, `SystemAccount`, `NotAdoptable`
  /// for one that herod did not make; kUnavailable when that cannot be told.
  api::Expected<std::optional<Account>> Find(const std::string& name) const;

  /// Whether the account may be made or changed as wished. Errors: as Find; also when sudoers names a wished group.
  api::Expected<void> Check(const AccountWish& wish) const;

 private:
  bool IsAdoptable(std::string_view name) const;
  api::Expected<void> CheckSudoers(const std::string& name, const std::optional<Account>& account,
                                   const SudoersNames& sudoers) const;
  api::Expected<std::optional<Account>> Find(const std::string& name, const SudoersNames& sudoers) const;

  // Constant after construction.
  MembersOptions options_;
  const Accounts& accounts_;
};

/// kInvalid: that is no member's name.
api::Error NotAName(std::string_view name);

}  // namespace host::priv
