#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "host/accounts.h"
#include "host/passwd/account_rules.h"
#include "host/passwd/text_table.h"

namespace host::passwd {

/// The bytes of the four files.
struct AccountTexts {
  std::string passwd{};
  std::string group{};
  std::string shadow{};
  std::optional<std::string> gshadow{};  ///< No value: the box has none, and gets none.

  bool operator==(const AccountTexts&) const = default;
};

/// Names and numbers of accounts and groups.
struct Identities {
  std::set<std::string> accounts{};
  std::set<std::string> groups{};
  std::set<std::int64_t> ids{};

  bool IsEmpty() const { return accounts.empty() && groups.empty() && ids.empty(); }
  void Add(const Identities& more);
  /// What is here and not there.
  Identities Without(const Identities& there) const;
};

/// passwd, group, shadow and gshadow as one value: what an account is, and how it becomes what is wished. Pure; `today`
/// is in days since 1970, as shadow counts.
class AccountTables {
 public:
  /// Errors: kUnavailable naming the line.
  static api::Expected<AccountTables> Parse(const AccountTexts& texts);

  /// An account without a line in shadow reads as expired: nobody can log in to it, and a wish for login then completes
  /// it. Groups are those of group and of gshadow, which newgrp believes.
  std::optional<Account> Find(std::string_view name, std::int64_t today) const;

  /// The accounts that may read otherwise than they did. None: all may, for a group is new, gone, or has another number
  /// or password.
  std::optional<std::set<std::string>> ChangedSince(const AccountTables& before) const;

  /// True when Apply would change nothing.
  bool IsFulfilled(const AccountWish& wish, std::int64_t today) const;

  /// Makes the account as wished, and completes what an ended run left half done. A refused wish changes nothing.
  /// Errors: as CheckWish; kForbidden for somebody else's account, group or number.
  api::Expected<Account> Apply(const AccountWish& wish, const AccountRules& rules, std::int64_t today);

  /// What another source of the box has (NSS) is nobody's to give. Call before Apply.
  void Exclude(const Identities& elsewhere);
  /// What Apply added.
  const Identities& Added() const { return added_; }

  /// Adds root and nobody where they are missing, as every system has them.
  void AddSystemAccounts(std::int64_t today);

  const TextTable& Passwd() const { return passwd_; }
  const TextTable& Group() const { return group_.Table(); }
  const TextTable& Shadow() const { return shadow_; }
  const TextTable& Gshadow() const { return gshadow_.Table(); }
  bool IsChanged() const {
    return passwd_.IsChanged() || Group().IsChanged() || shadow_.IsChanged() || Gshadow().IsChanged();
  }
  /// As the files are to be.
  AccountTexts Texts() const;
  /// What was changed is in the files now.
  void MarkSaved();

 private:
  using NewGroups = std::map<std::string, std::int64_t>;

  api::Expected<void> Index();
  bool HasRootGroup(const Account& account) const;
  std::optional<std::int64_t> LowestFree(const api::v1::IdRange& range, std::int64_t from) const;
  api::Expected<std::int64_t> NewMemberId(const AccountWish& wish, const api::v1::IdRange& range);
  api::Expected<NewGroups> FindNewGroups(const AccountWish& wish, const AccountRules& rules) const;
  api::Expected<void> CheckGroupIds(const AccountWish& wish) const;
  api::Expected<void> CheckHome(const AccountWish& wish) const;
  bool IsMember(const std::string& member, const std::string& group, bool is_wished) const;
  bool HasOwnGroup(const std::string& name, std::int64_t gid) const;
  void SetLogin(const AccountWish& wish, bool is_new, std::int64_t today);
  void AddGroup(const std::string& name, std::int64_t gid);
  void CompleteGshadow(const std::string& group);

  TextTable passwd_;
  MemberTable group_;
  TextTable shadow_;
  MemberTable gshadow_;
  bool has_gshadow_ = false;
  std::set<std::int64_t> account_ids_;  // Uids and primary gids.
  std::set<std::int64_t> group_ids_;
  std::set<std::int64_t> root_ids_{0};                 // Of groups that are as good as root.
  std::multimap<std::string, std::string> odd_homes_;  // Whose they are, by home; all that are not /home/NAME.
  Identities elsewhere_;
  Identities added_;
  std::int64_t free_from_ = 0;  // No member id below is free: ids are only ever added.
};

}  // namespace host::passwd
