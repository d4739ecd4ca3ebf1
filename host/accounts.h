#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/v1/account_ids.h"

namespace host {

/// An account as passwd, shadow and group have it.
struct Account {
  std::string name{};
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::string gecos{};
  std::string home{};  ///< As in passwd: absolute on the box, without the box's root.
  std::string shell{};
  bool is_expired = false;  ///< Its day of expiry has come (`chage -E 0`), or shadow does not know it: no login.
  std::vector<std::string> groups{};  ///< Supplementary, sorted.
  bool has_root_group = false;        ///< Its primary group, or another by its number, is one as good as root.

  bool operator==(const Account&) const = default;
};

/// How an account is to be. Groups outside `managed_groups` are left as they are.
struct AccountWish {
  std::string name{};
  std::optional<std::int64_t> uid{};  ///< For a new account; none: the lowest free. An existing one keeps its own.
  std::string gecos{};                ///< No colon, no control character.
  std::string home{};
  std::string shell{};
  bool is_expired = false;
  std::vector<std::string> groups{};          ///< Supplementary groups it has to be in; a subset of managed_groups.
  std::vector<std::string> managed_groups{};  ///< Groups that may be added and removed; created when first wished for.
};

/// An account or a group, and its number.
struct NumberHolder {
  std::int64_t id = 0;
  std::string name{};

  auto operator<=>(const NumberHolder&) const = default;
};

/// Who has which number on the box, which nobody needs rights to read. Thread-safe.
class Numbers {
 public:
  virtual ~Numbers() = default;

  /// Of the range: accounts by uid and by primary gid, groups. Sorted, each once. Errors: kUnavailable when the files
  /// cannot be read or do not parse: whose a number is is then unknown, not free.
  virtual api::Expected<std::vector<NumberHolder>> HoldersOf(const api::v1::IdRange& range) const = 0;
};

/// The account database of the box. Thread-safe.
class Accounts {
 public:
  virtual ~Accounts() = default;

  /// No value: no such account. Reads the files once and again only when one of them changed. Errors: kUnavailable when
  /// they cannot be read or do not parse (the line is named): what is there is then unknown, not absent.
  virtual api::Expected<std::optional<Account>> Find(std::string_view name) const = 0;

  /// Creates the account or changes it to what is wished; the same wish again writes nothing. A new account gets the
  /// wished uid or the lowest free one of the box's range, a group of its own name and gid, and no password. Concurrent
  /// calls join one locked rewrite with one fsync a file; one refused wish fails alone. Errors: kInvalid for a field
  /// that does not fit into its file, kForbidden when a group of that name or the wished uid is somebody's or the range
  /// is used up, kUnavailable when a file cannot be locked within 10 s, read or written.
  virtual api::Expected<Account> Ensure(const AccountWish& wish) = 0;

  /// Whose accounts others than Ensure changed since the last call, so that one change is no reason to look at
  /// everybody; now and then also somebody who did not change. No value: that is not known, and it may be all. For one
  /// asker.
  virtual std::optional<std::set<std::string>> TakeChanged() { return std::nullopt; }
};

}  // namespace host
