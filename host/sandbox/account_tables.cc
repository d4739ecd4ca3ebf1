#include "host/sandbox/account_tables.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "host/linux/files.h"

namespace host::sandbox {

namespace {

// Fields of the files: passwd(5), group(5), shadow(5).
constexpr std::size_t kUid = 2;
constexpr std::size_t kGid = 3;
constexpr std::size_t kGecos = 4;
constexpr std::size_t kHome = 5;
constexpr std::size_t kShell = 6;
constexpr std::size_t kGroupGid = 2;
constexpr std::size_t kMembers = 3;
constexpr std::size_t kExpiry = 7;
constexpr std::size_t kShadowFields = 9;

std::optional<std::int64_t> NumberOf(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string> SplitAt(char mark, std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(mark);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string JoinWith(char mark, const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty() || &part != &parts.front()) text += mark;
    text += part;
  }
  return text;
}

api::Error Unreadable(const std::string& file, std::size_t line, std::string_view why) {
  return {.code = api::Code::kUnavailable,
          .reason = "AccountFileBroken",
          .message = "read " + file + ": line " + std::to_string(line) + " " + std::string(why)};
}

bool FitsField(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == ':' || (c >= 0 && c < ' ') || c == '\x7f'; });
}

/// Whether a name is one to libc and to the shadow tools alike. What our own members may be called is narrower, and
/// checked where they are declared.
bool IsName(std::string_view name) {
  constexpr std::size_t kNameBytesMax = 32;  // LOGIN_NAME_MAX leaves more, but utmp and ps have 32.
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_allowed) && !NumberOf(name);
}

bool IsPath(std::string_view path) { return linux::IsPlainPath(path) && FitsField(path); }

api::Error RangeUsedUp(const std::string& name, const IdRange& range) {
  return {.code = api::Code::kForbidden,
          .reason = "IdRangeUsedUp",
          .message = "account " + name + ": all ids from " + std::to_string(range.first) + " to " +
                     std::to_string(range.last) + " are taken; widen the range"};
}

/// `*` and not `!`: no password matches either, but sshd takes a leading `!` for an account that is locked to keys as
/// well.
std::vector<std::string> NewShadowLine(const std::string& name, std::int64_t today) {
  return {name, "*", std::to_string(today), "0", "99999", "7", "", "", ""};
}

}  // namespace

api::Expected<TextTable> TextTable::Parse(const std::string& file, std::string_view text, std::size_t fields_min,
                                          std::size_t fields_max) {
  TextTable table;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    table.lines_.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (IsForeign(line)) continue;
    const auto fields = static_cast<std::size_t>(std::count(line.begin(), line.end(), ':')) + 1;
    if (fields < fields_min || fields > fields_max || line.front() == ':' ||
        line.find('\0') != std::string_view::npos) {
      return Unreadable(file, table.lines_.size(), "does not have its form");
    }
    table.by_name_.try_emplace(std::string(line.substr(0, line.find(':'))), table.lines_.size() - 1);
  }
  return table;
}

bool TextTable::IsForeign(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos || line.front() == '#' || line.front() == '+' ||
         line.front() == '-';
}

std::vector<std::string> TextTable::Split(std::string_view line) { return SplitAt(':', line); }

std::vector<std::string> TextTable::Find(std::string_view name) const {
  const auto entry = by_name_.find(name);
  return entry == by_name_.end() ? std::vector<std::string>{} : Split(lines_[entry->second]);
}

void TextTable::Set(const std::vector<std::string>& fields) {
  std::string line = JoinWith(':', fields);
  const auto [entry, is_new] = by_name_.try_emplace(fields.front(), lines_.size());
  if (is_new) {
    lines_.push_back(std::move(line));
    is_changed_ = true;
  } else if (lines_[entry->second] != line) {
    lines_[entry->second] = std::move(line);
    is_changed_ = true;
  }
}

std::string TextTable::Text() const {
  std::string text;
  for (const std::string& line : lines_) text.append(line).append("\n");
  return text;
}

api::Expected<AccountTables> AccountTables::Parse(const Texts& texts) {
  AccountTables tables;
  auto passwd = TextTable::Parse("passwd", texts.passwd, 7, 7);
  if (!passwd) return passwd.error();
  auto group = TextTable::Parse("group", texts.group, 4, 4);
  if (!group) return group.error();
  auto shadow = TextTable::Parse("shadow", texts.shadow, 2, kShadowFields);
  if (!shadow) return shadow.error();
  tables.passwd_ = *std::move(passwd);
  tables.group_ = *std::move(group);
  tables.shadow_ = *std::move(shadow);
  if (auto indexed = tables.Index(); !indexed) return indexed.error();
  return tables;
}

/// Reads the numbers and memberships of all lines.
api::Expected<void> AccountTables::Index() {
  api::Expected<void> result;
  passwd_.ForEach([&](std::size_t line, const std::vector<std::string>& fields) {
    const auto uid = NumberOf(fields[kUid]);
    const auto gid = NumberOf(fields[kGid]);
    if (!uid || !gid) {
      result = Unreadable("passwd", line, "has no number for uid or gid");
    } else {
      account_ids_.insert({*uid, *gid});
    }
  });
  group_.ForEach([&](std::size_t line, const std::vector<std::string>& fields) {
    const auto gid = NumberOf(fields[kGroupGid]);
    if (!gid) {
      result = Unreadable("group", line, "has no number for gid");
      return;
    }
    group_ids_.insert(*gid);
    for (const std::string& member : SplitAt(',', fields[kMembers])) {
      if (!member.empty()) groups_of_[member].insert(fields[0]);
    }
  });
  shadow_.ForEach([&](std::size_t line, const std::vector<std::string>& fields) {
    if (fields.size() > kExpiry && !fields[kExpiry].empty() && !NumberOf(fields[kExpiry])) {
      result = Unreadable("shadow", line, "has no number for the day of expiry");
    }
  });
  return result;
}

api::Expected<void> AccountTables::Check(const AccountWish& wish) {
  const auto invalid = [&wish](const std::string& why) {
    return api::Error{
        .code = api::Code::kInvalid, .reason = "InvalidAccount", .message = "account " + wish.name + ": " + why};
  };
  if (!IsName(wish.name))
    return api::Error{api::Code::kInvalid, "InvalidAccount",
                      "an account's name has 1 to 32 of a-z A-Z 0-9 _ - ., begins with none of - . and is no number"};
  if (!FitsField(wish.gecos)) return invalid("the display name has a colon or a control character");
  if (!IsPath(wish.home)) return invalid("the home is no absolute path without colon, control character, . and ..");
  if (!IsPath(wish.shell)) return invalid("the shell is no absolute path without colon, control character, . and ..");
  for (const std::string& group : wish.managed_groups) {
    if (group == wish.name) return invalid("its own group cannot be managed");
    if (!IsName(group)) return invalid("a managed group's name does not fit into the group file");
  }
  for (const std::string& group : wish.groups) {
    if (std::find(wish.managed_groups.begin(), wish.managed_groups.end(), group) == wish.managed_groups.end()) {
      return invalid("a group that it has to be in is not among the managed ones");
    }
  }
  return {};
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
  if (const auto groups = groups_of_.find(account.name); groups != groups_of_.end()) {
    account.groups.assign(groups->second.begin(), groups->second.end());
  }
  return account;
}

bool AccountTables::IsMember(const std::string& member, const std::string& group) const {
  const auto groups = groups_of_.find(member);
  return groups != groups_of_.end() && groups->second.contains(group);
}

bool AccountTables::IsFulfilled(const AccountWish& wish, std::int64_t today) const {
  const auto account = Find(wish.name, today);
  if (!account || account->gecos != wish.gecos || account->home != wish.home || account->shell != wish.shell ||
      account->is_expired != wish.is_expired || !shadow_.Has(wish.name)) {
    return false;
  }
  if (!group_ids_.contains(account->gid) && !group_.Has(wish.name)) return false;
  return std::all_of(wish.managed_groups.begin(), wish.managed_groups.end(), [&](const std::string& group) {
    const bool is_wished = std::find(wish.groups.begin(), wish.groups.end(), group) != wish.groups.end();
    return IsMember(wish.name, group) == is_wished;
  });
}

/// The lowest number of the range, from `from` on, that neither an account nor a group has.
std::optional<std::int64_t> AccountTables::LowestFree(const IdRange& range, std::int64_t from) const {
  for (std::int64_t id = std::max(range.first, from); id <= range.last; ++id) {
    if (!account_ids_.contains(id) && !group_ids_.contains(id)) return id;
  }
  return std::nullopt;
}

/// The number for a new member: the wished one, or the lowest that neither an account nor a group has. A group of that
/// name in our range that is nobody's is what a run left that ended after group and before passwd: its number is taken
/// up.
api::Expected<std::int64_t> AccountTables::NewMemberId(const AccountWish& wish, const IdRange& range) {
  const std::string& name = wish.name;
  if (const auto group = group_.Find(name); !group.empty()) {
    const std::int64_t gid = *NumberOf(group[kGroupGid]);
    const bool is_ours = gid >= range.first && gid <= range.last && group[kMembers].empty();
    if (is_ours && !account_ids_.contains(gid) && gid == wish.uid.value_or(gid)) return gid;
    return api::Error{.code = api::Code::kForbidden,
                      .reason = "GroupExists",
                      .message = "account " + name + ": a group of that name exists already (gid " +
                                 std::to_string(gid) + "); remove it or choose another name"};
  }
  if (wish.uid && (account_ids_.contains(*wish.uid) || group_ids_.contains(*wish.uid))) {
    return api::Error{.code = api::Code::kForbidden,
                      .reason = "UidTaken",
                      .message = "account " + name + ": its number " + std::to_string(*wish.uid) +
                                 " belongs to another account or group; free that number"};
  }
  if (wish.uid) return *wish.uid;
  const auto id = LowestFree(range, free_from_);
  if (!id) return RangeUsedUp(name, range);
  free_from_ = *id;
  return *id;
}

api::Expected<Account> AccountTables::Apply(const AccountWish& wish, const IdRanges& ranges, std::int64_t today) {
  if (auto checked = Check(wish); !checked) return checked.error();
  // All that can be refused comes first.
  auto fields = passwd_.Find(wish.name);
  const bool is_new = fields.empty();
  if (is_new) {
    const auto id = NewMemberId(wish, ranges.members);
    if (!id) return id.error();
    fields = {wish.name, "x", std::to_string(*id), std::to_string(*id), "", "", ""};
  }
  std::map<std::string, std::int64_t> new_groups;
  std::int64_t from = ranges.groups.first;
  for (const std::string& group : wish.groups) {
    if (group_.Has(group) || new_groups.contains(group)) continue;
    const auto gid = LowestFree(ranges.groups, from);
    if (!gid) return RangeUsedUp(wish.name, ranges.groups);
    new_groups[group] = *gid;
    from = *gid + 1;
  }

  fields[kGecos] = wish.gecos;
  fields[kHome] = wish.home;
  fields[kShell] = wish.shell;
  passwd_.Set(fields);
  const std::int64_t gid = *NumberOf(fields[kGid]);
  account_ids_.insert({*NumberOf(fields[kUid]), gid});
  if (!group_ids_.contains(gid) && !group_.Has(wish.name)) AddGroup(wish.name, gid);
  SetLogin(wish, is_new, today);

  for (const auto& [name, id] : new_groups) AddGroup(name, id);
  for (const std::string& group : wish.managed_groups) {
    const bool is_wished = std::find(wish.groups.begin(), wish.groups.end(), group) != wish.groups.end();
    SetMembership(group, wish.name, is_wished);
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

void AccountTables::SetMembership(const std::string& group, const std::string& member, bool is_in) {
  if (IsMember(member, group) == is_in) return;
  auto fields = group_.Find(group);
  if (fields.empty()) return;  // A managed group that nobody was ever put in.
  auto members = SplitAt(',', fields[kMembers]);
  std::erase(members, "");
  if (is_in) {
    members.push_back(member);
    groups_of_[member].insert(group);
  } else {
    std::erase(members, member);
    groups_of_[member].erase(group);
  }
  fields[kMembers] = JoinWith(',', members);
  group_.Set(fields);
}

void AccountTables::AddGroup(const std::string& name, std::int64_t gid) {
  group_.Set({name, "x", std::to_string(gid), ""});
  group_ids_.insert(gid);
}

void AccountTables::AddSystemAccounts(std::int64_t today) {
  const auto set_if_absent = [](TextTable& table, const std::vector<std::string>& fields) {
    if (!table.Has(fields.front())) table.Set(fields);
  };
  set_if_absent(passwd_, {"root", "x", "0", "0", "root", "/root", "/bin/bash"});
  set_if_absent(passwd_, {"nobody", "x", "65534", "65534", "nobody", "/nonexistent", "/usr/sbin/nologin"});
  set_if_absent(group_, {"root", "x", "0", ""});
  set_if_absent(group_, {"nogroup", "x", "65534", ""});
  set_if_absent(shadow_, NewShadowLine("root", today));
  set_if_absent(shadow_, NewShadowLine("nobody", today));
}

}  // namespace host::sandbox
