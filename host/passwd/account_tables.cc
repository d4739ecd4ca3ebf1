#include "host/passwd/account_tables.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "api/meta/words.h"
#include "api/v1/groups.h"

namespace host::passwd {

namespace {

using api::Code;

// Fields of the files: passwd(5), group(5), shadow(5), gshadow(5).
constexpr std::size_t kUid = 2;
constexpr std::size_t kGid = 3;
constexpr std::size_t kGecos = 4;
constexpr std::size_t kHome = 5;
constexpr std::size_t kShell = 6;
constexpr std::size_t kPasswdFields = 7;
constexpr std::size_t kGroupGid = 2;
constexpr std::size_t kExpiry = 7;
constexpr std::size_t kShadowFields = 9;

api::Error Forbidden(const std::string& name, const char* reason, const std::string& why) {
  return {.code = Code::kForbidden, .reason = reason, .message = "account " + name + ": " + why};
}

api::Error RangeUsedUp(const std::string& name, const api::v1::IdRange& range) {
  return Forbidden(name, "IdRangeUsedUp",
                   "all ids from " + std::to_string(range.first) + " to " + std::to_string(range.last) +
                       " are taken; widen the range");
}

/// `*` and not `!`: no password matches either, but sshd takes a leading `!` for an account that is locked to keys as
/// well.
std::vector<std::string> NewShadowLine(const std::string& name, std::int64_t today) {
  return {name, "*", std::to_string(today), "0", "99999", "7", "", "", ""};
}

/// A home as it is compared: of one path many spellings lead to the same directory.
std::string Normal(const std::string& home) {
  std::string normal = std::filesystem::path(home).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

template <class T>
std::set<T> Difference(const std::set<T>& all, const std::set<T>& without) {
  std::set<T> rest;
  std::set_difference(all.begin(), all.end(), without.begin(), without.end(), std::inserter(rest, rest.end()));
  return rest;
}

bool IsWished(const AccountWish& wish, std::string_view group) { return api::HasWord(wish.groups, group); }

}  // namespace

void Identities::Add(const Identities& more) {
  accounts.insert(more.accounts.begin(), more.accounts.end());
  groups.insert(more.groups.begin(), more.groups.end());
  ids.insert(more.ids.begin(), more.ids.end());
}

Identities Identities::Without(const Identities& there) const {
  return {Difference(accounts, there.accounts), Difference(groups, there.groups), Difference(ids, there.ids)};
}

api::Expected<AccountTables> AccountTables::Parse(const AccountTexts& texts) {
  AccountTables tables;
  auto passwd = TextTable::Parse("passwd", texts.passwd, kPasswdFields, kPasswdFields);
  if (!passwd) return passwd.error();
  auto group = MemberTable::Parse("group", texts.group);
  if (!group) return group.error();
  auto shadow = TextTable::Parse("shadow", texts.shadow, 2, kShadowFields);
  if (!shadow) return shadow.error();
  auto gshadow = MemberTable::Parse("gshadow", texts.gshadow.value_or(""));
  if (!gshadow) return gshadow.error();
  tables.passwd_ = *std::move(passwd);
  tables.group_ = *std::move(group);
  tables.shadow_ = *std::move(shadow);
  tables.gshadow_ = *std::move(gshadow);
  tables.has_gshadow_ = texts.gshadow.has_value();
  if (auto indexed = tables.Index(); !indexed) return indexed.error();
  return tables;
}

/// Reads the numbers of all lines.
api::Expected<void> AccountTables::Index() {
  api::Expected<void> result;
  passwd_.ForEach([&](std::size_t line, const std::vector<std::string>& fields) {
    const auto uid = NumberOf(fields[kUid]);
    const auto gid = NumberOf(fields[kGid]);
    if (!uid || !gid) {
      result = BrokenLine("passwd", line, "has no number for uid or gid");
    } else {
      account_ids_.insert({*uid, *gid});
    }
    if (fields[kHome] != "/home/" + fields[0]) odd_homes_.emplace(Normal(fields[kHome]), fields[0]);
  });
  Group().ForEach([&](std::size_t line, const std::vector<std::string>& fields) {
    const auto gid = NumberOf(fields[kGroupGid]);
    if (!gid) {
      result = BrokenLine("group", line, "has no number for gid");
      return;
    }
    group_ids_.insert(*gid);
    if (api::v1::IsRootEquivalent(fields[0])) root_ids_.insert(*gid);
  });
  shadow_.ForEach([&](std::size_t line, const std::vector<std::string>& fields) {
    if (fields.size() > kExpiry && !fields[kExpiry].empty() && !NumberOf(fields[kExpiry])) {
      result = BrokenLine("shadow", line, "has no number for the day of expiry");
    }
  });
  return result;
}

AccountTexts AccountTables::Texts() const {
  AccountTexts texts{passwd_.Text(), Group().Text(), shadow_.Text(), std::nullopt};
  if (has_gshadow_) texts.gshadow = Gshadow().Text();
  return texts;
}

void AccountTables::MarkSaved() {
  passwd_.MarkSaved();
  group_.MarkSaved();
  shadow_.MarkSaved();
  gshadow_.MarkSaved();
  added_ = {};
}

bool AccountTables::HasRootGroup(const Account& account) const {
  return root_ids_.contains(account.gid) ||
         std::any_of(account.groups.begin(), account.groups.end(), [this](const std::string& group) {
           const auto fields = Group().Find(group);
           return !fields.empty() && root_ids_.contains(*NumberOf(fields[kGroupGid]));
         });
}

std::optional<Account> AccountTables::Find(std::string_view name, std::int64_t today) const {
  const auto fields = passwd_.Find(name);
  if (fields.empty()) return std::nullopt;
  Account account{.name = fields[0],
                  .uid = *NumberOf(fields[kUid]),
                  .gid = *NumberOf(fields[kGid]),
                  .gecos = fields[kGecos],
                  .home = fields[kHome],
                  .shell = fields[kShell]};
  const auto shadow = shadow_.Find(name);
  const std::int64_t expiry = shadow.size() > kExpiry ? NumberOf(shadow[kExpiry]).value_or(-1) : -1;
  // As pam_unix and sshd read it: a day that has come. Negative and empty mean never.
  account.is_expired = shadow.empty() || (expiry >= 0 && expiry <= today);
  const auto& groups = group_.GroupsOf(account.name);
  const auto& shadow_groups = gshadow_.GroupsOf(account.name);
  std::set_union(groups.begin(), groups.end(), shadow_groups.begin(), shadow_groups.end(),
                 std::back_inserter(account.groups));
  account.has_root_group = HasRootGroup(account);
  return account;
}

std::optional<std::set<std::string>> AccountTables::ChangedSince(const AccountTables& before) const {
  const auto in_groups = group_.MembersOtherwiseIn(before.group_);
  const auto in_shadow_groups = gshadow_.MembersOtherwiseIn(before.gshadow_);
  if (!in_groups || !in_shadow_groups) return std::nullopt;
  std::set<std::string> names = passwd_.DifferencesTo(before.passwd_);
  names.merge(shadow_.DifferencesTo(before.shadow_));
  names.insert(in_groups->begin(), in_groups->end());
  names.insert(in_shadow_groups->begin(), in_shadow_groups->end());
  return names;
}

/// Whether both files agree that it is a member, or that it is none.
bool AccountTables::IsMember(const std::string& member, const std::string& group, bool is_wished) const {
  if (group_.IsMember(member, group) != is_wished) return false;
  return !gshadow_.Has(group) || gshadow_.IsMember(member, group) == is_wished;
}

/// Whether the account's own group is there in both files. Somebody else's primary group needs no second line.
bool AccountTables::HasOwnGroup(const std::string& name, std::int64_t gid) const {
  if (!group_ids_.contains(gid) && !group_.Has(name)) return false;
  const auto own = Group().Find(name);
  const bool is_own = !own.empty() && NumberOf(own[kGroupGid]) == gid;
  return !has_gshadow_ || !is_own || gshadow_.Has(name);
}

bool AccountTables::IsFulfilled(const AccountWish& wish, std::int64_t today) const {
  const auto account = Find(wish.name, today);
  if (!account || account->gecos != wish.gecos || account->home != wish.home || account->shell != wish.shell ||
      account->is_expired != wish.is_expired || !shadow_.Has(wish.name) || !HasOwnGroup(wish.name, account->gid)) {
    return false;
  }
  return std::all_of(wish.managed_groups.begin(), wish.managed_groups.end(),
                     [&](const std::string& group) { return IsMember(wish.name, group, IsWished(wish, group)); });
}

void AccountTables::Exclude(const Identities& elsewhere) {
  elsewhere_ = elsewhere;
  account_ids_.insert(elsewhere.ids.begin(), elsewhere.ids.end());
}

/// The lowest number of the range, from `from` on, that neither an account nor a group has.
std::optional<std::int64_t> AccountTables::LowestFree(const api::v1::IdRange& range, std::int64_t from) const {
  for (std::int64_t id = std::max(range.first, from); id <= range.last; ++id) {
    if (!account_ids_.contains(id) && !group_ids_.contains(id)) return id;
  }
  return std::nullopt;
}

/// The number for a new member: the wished one, or the lowest that neither an account nor a group has. A group of that
/// name in our range that is nobody's is what a run left that ended after group and before passwd: its number is taken
/// up.
api::Expected<std::int64_t> AccountTables::NewMemberId(const AccountWish& wish, const api::v1::IdRange& range) {
  const std::string& name = wish.name;
  if (elsewhere_.accounts.contains(name) || elsewhere_.groups.contains(name)) {
    return Forbidden(name, "NameTakenElsewhere",
                     "another source of the box's names has it (getent finds it, "
                     "/etc/passwd and /etc/group do not); choose another name");
  }
  if (const auto group = Group().Find(name); !group.empty()) {
    const std::int64_t gid = *NumberOf(group[kGroupGid]);
    const bool is_ours = (range.Contains(gid) || gid == wish.uid) && !group_.HasMembers(name);
    if (is_ours && !account_ids_.contains(gid) && gid == wish.uid.value_or(gid)) return gid;
    return Forbidden(
        name, "GroupExists",
        "a group of that name exists already (gid " + std::to_string(gid) + "); remove it or choose another name");
  }
  if (wish.uid && (account_ids_.contains(*wish.uid) || group_ids_.contains(*wish.uid))) {
    return Forbidden(
        name, "UidTaken",
        "its number " + std::to_string(*wish.uid) + " belongs to another account or group; free that number");
  }
  if (wish.uid) return *wish.uid;
  const auto id = LowestFree(range, free_from_);
  if (!id) return RangeUsedUp(name, range);
  free_from_ = *id;
  return *id;
}

/// The wished groups that do not exist, with the numbers that they get.
api::Expected<AccountTables::NewGroups> AccountTables::FindNewGroups(const AccountWish& wish,
                                                                     const AccountRules& rules) const {
  NewGroups groups;
  std::int64_t from = rules.groups.first;
  for (const std::string& group : wish.groups) {
    if (group_.Has(group) || groups.contains(group)) continue;
    if (elsewhere_.groups.contains(group)) {
      return Forbidden(wish.name, "NameTakenElsewhere",
                       "another source of the box's names has the group " + group + "; choose another one");
    }
    const auto gid = LowestFree(rules.groups, from);
    if (!gid) return RangeUsedUp(wish.name, rules.groups);
    groups[group] = *gid;
    from = *gid + 1;
  }
  return groups;
}

/// A group can be as good as root under another name too: by its number.
api::Expected<void> AccountTables::CheckGroupIds(const AccountWish& wish) const {
  for (const std::string& group : wish.groups) {
    const auto fields = Group().Find(group);
    if (fields.empty() || !root_ids_.contains(*NumberOf(fields[kGroupGid]))) continue;
    return Forbidden(wish.name, "ForbiddenGroup",
                     "group " + group + " has the number of a group that is as good as root; give it another one");
  }
  return {};
}

/// Whoever has an account's home as its own has the account: its keys are in there.
api::Expected<void> AccountTables::CheckHome(const AccountWish& wish) const {
  const auto refuse = [&wish](const std::string& home, const std::string& holder) {
    return Forbidden(wish.name, "ForeignHome",
                     home + " is the home of the account " + holder +
                         "; choose another name for the member, or give that account another home (usermod -d)");
  };
  for (auto at = odd_homes_.lower_bound(wish.home); at != odd_homes_.end() && at->first == wish.home; ++at)
    if (at->second != wish.name) return refuse(at->first, at->second);
  const std::string below = wish.home + "/";
  for (auto at = odd_homes_.lower_bound(below); at != odd_homes_.end() && at->first.starts_with(below); ++at)
    if (at->second != wish.name) return refuse(at->first, at->second);
  return {};
}

api::Expected<Account> AccountTables::Apply(const AccountWish& wish, const AccountRules& rules, std::int64_t today) {
  // All that can be refused comes first.
  if (auto checked = CheckWish(wish, rules); !checked) return checked.error();
  if (auto checked = CheckGroupIds(wish); !checked) return checked.error();
  const auto new_groups = FindNewGroups(wish, rules);
  if (!new_groups) return new_groups.error();
  auto fields = passwd_.Find(wish.name);
  const bool is_new = fields.empty();
  if (is_new) {
    const auto id = NewMemberId(wish, rules.members);
    if (!id) return id.error();
    fields = {wish.name, "x", std::to_string(*id), std::to_string(*id), "", "", ""};
  } else if (!MayBeMembers(*NumberOf(fields[kUid]), rules)) {
    return Forbidden(wish.name, "SystemAccount", "uid " + fields[kUid] + " is no person's; choose another name");
  }

  if (fields[kHome] != wish.home) {
    if (auto checked = CheckHome(wish); !checked) return checked.error();
  }

  fields[kGecos] = wish.gecos;
  fields[kHome] = wish.home;
  fields[kShell] = wish.shell;
  passwd_.Set(fields);
  const std::int64_t uid = *NumberOf(fields[kUid]);
  const std::int64_t gid = *NumberOf(fields[kGid]);
  account_ids_.insert({uid, gid});
  if (is_new) {
    added_.accounts.insert(wish.name);
    added_.ids.insert(uid);
  }
  if (!HasOwnGroup(wish.name, gid)) AddGroup(wish.name, gid);
  SetLogin(wish, is_new, today);

  for (const auto& [name, id] : *new_groups) AddGroup(name, id);
  for (const std::string& group : wish.managed_groups) {
    if (IsWished(wish, group)) CompleteGshadow(group);
    group_.SetMember(group, wish.name, IsWished(wish, group));
    gshadow_.SetMember(group, wish.name, IsWished(wish, group));
  }
  return *Find(wish.name, today);
}

void AccountTables::SetLogin(const AccountWish& wish, bool is_new, std::int64_t today) {
  auto fields = shadow_.Find(wish.name);
  // A line without an account may hold the password of somebody who had the name before.
  if (fields.empty() || is_new) fields = NewShadowLine(wish.name, today);
  shadow_.Set(fields);
  if (Find(wish.name, today)->is_expired == wish.is_expired) return;
  fields.resize(kShadowFields);
  fields[kExpiry] = wish.is_expired ? "0" : "";
  shadow_.Set(fields);
}

/// Adds the group's line where it is missing, in either file.
void AccountTables::AddGroup(const std::string& name, std::int64_t gid) {
  if (!group_.Has(name)) {
    group_.Add(name, "x", std::to_string(gid));
    group_ids_.insert(gid);
    added_.groups.insert(name);
    added_.ids.insert(gid);
  }
  CompleteGshadow(name);
}

/// A group that was made while gshadow could not be written any more. `!`: no password, as groupadd leaves it.
void AccountTables::CompleteGshadow(const std::string& group) {
  if (has_gshadow_ && group_.Has(group) && !gshadow_.Has(group)) gshadow_.Add(group, "!", "");
}

void AccountTables::AddSystemAccounts(std::int64_t today) {
  const auto set_if_absent = [](TextTable& table, const std::vector<std::string>& fields) {
    if (!table.Has(fields.front())) table.Set(fields);
  };
  set_if_absent(passwd_, {"root", "x", "0", "0", "root", "/root", "/bin/bash"});
  set_if_absent(passwd_, {"nobody", "x", "65534", "65534", "nobody", "/nonexistent", "/usr/sbin/nologin"});
  if (!group_.Has("root")) group_.Add("root", "x", "0");
  if (!group_.Has("nogroup")) group_.Add("nogroup", "x", "65534");
  set_if_absent(shadow_, NewShadowLine("root", today));
  set_if_absent(shadow_, NewShadowLine("nobody", today));
}

}  // namespace host::passwd
