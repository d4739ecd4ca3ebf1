#include "host/priv/members.h"

#include <algorithm>
#include <charconv>

#include "api/meta/names.h"
#include "api/meta/words.h"
#include "api/v1/account_ids.h"
#include "api/v1/groups.h"
#include "host/linux/files.h"
#include "host/priv/messages.h"
#include "host/priv/sudoers.h"

namespace host::priv {

namespace {

using api::Code;
using api::Error;

constexpr std::size_t kGroupFileBytesMax = 16u << 20;  // Ten thousand members in ten groups are 1 MB.

/// Whether an account can become root by a group: nothing is changed of it, whoever asks, for whoever could write its
/// keys would be root.
bool IsAsGoodAsRoot(const Account& account) {
  return account.has_root_group ||
         std::any_of(account.groups.begin(), account.groups.end(),
                     [](const std::string& group) { return api::v1::IsRootEquivalent(group); });
}

Error NamedInSudoers(const std::string& name, const std::string& what) {
  return {Code::kForbidden, "NamedInSudoers",
          "the account " + name + " is not for git to have: sudoers names " + what + " (grep it in /etc/sudoers and " +
              "/etc/sudoers.d); take it out there, or choose another name"};
}

/// Of groups that sudoers names, those that have a number get the name and those that have a name the number. Only when
/// it names any that is not refused in any case: the file is large on a large box.
api::Expected<void> CompleteGroups(const std::string& root, SudoersNames& sudoers) {
  const bool is_needed =
      !sudoers.gids.empty() || std::any_of(sudoers.groups.begin(), sudoers.groups.end(),
                                           [](const std::string& group) { return !api::v1::IsRootEquivalent(group); });
  if (!is_needed) return {};
  const auto text = linux::ReadFile(root + "/etc/group", kGroupFileBytesMax);
  if (!text && text.error().code == Code::kNotFound) return {};  // A throw-away root that has no account yet.
  if (!text) return text.error();
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t name_end = line.find(':');
    const std::size_t password_end = name_end == std::string_view::npos ? name_end : line.find(':', name_end + 1);
    if (password_end == std::string_view::npos) continue;
    std::int64_t gid = -1;
    std::from_chars(line.data() + password_end + 1, line.data() + line.size(), gid);
    std::string name = api::LowerCase(line.substr(0, name_end));
    if (sudoers.groups.contains(name)) sudoers.gids.insert(gid);
    if (sudoers.gids.contains(gid)) sudoers.groups.insert(std::move(name));
  }
  return {};
}

api::Expected<SudoersNames> NamesBelow(const std::string& root) {
  auto sudoers = ReadSudoers(root);
  if (!sudoers) return sudoers;
  if (auto completed = CompleteGroups(root, *sudoers); !completed) return completed.error();
  return sudoers;
}

}  // namespace

Error NotAName(std::string_view name) {
  return {Code::kInvalid, "InvalidAccount",
          "\"" + std::string(name.substr(0, kNameBytesMax)) + "\" is no member's name"};
}

bool Members::IsAdoptable(std::string_view name) const { return api::HasWord(options_.adoptable, name); }

api::Expected<void> Members::CheckSudoers(const std::string& name, const std::optional<Account>& account,
                                          const SudoersNames& sudoers) const {
  if (sudoers.accounts.contains(name)) return NamedInSudoers(name, "it");
  if (sudoers.groups.contains(name)) return NamedInSudoers(name, "its group %" + name);
  if (!account) return {};
  if (sudoers.uids.contains(account->uid)) return NamedInSudoers(name, "its number #" + std::to_string(account->uid));
  if (sudoers.gids.contains(account->gid)) return NamedInSudoers(name, "its primary group");
  for (const std::string& group : account->groups)
    if (sudoers.groups.contains(api::LowerCase(group))) return NamedInSudoers(name, "its group %" + group);
  return {};
}

api::Expected<std::optional<Account>> Members::Find(const std::string& name) const {
  const auto sudoers = NamesBelow(options_.root);
  if (!sudoers) return sudoers.error();
  return Find(name, *sudoers);
}

api::Expected<std::optional<Account>> Members::Find(const std::string& name, const SudoersNames& sudoers) const {
  if (!api::IsUserName(name)) return NotAName(name);
  auto account = accounts_.Find(name);
  if (!account) return account.error();
  if (*account && IsAsGoodAsRoot(**account)) {
    return Error{Code::kForbidden, "AsGoodAsRoot",
                 "the account " + name + " is in a group as good as root and not for git to change; take it out first"};
  }
  if (auto checked = CheckSudoers(name, *account, sudoers); !checked) return checked.error();
  if (!*account || api::v1::kMemberIds.Contains((*account)->uid)) return account;
  if (!api::v1::kPeopleIds.Contains((*account)->uid)) {
    return Error{
        Code::kForbidden, "SystemAccount",
        "account " + name + ": uid " + std::to_string((*account)->uid) + " is no person's; choose another name"};
  }
  if (!IsAdoptable(name)) {
    return Error{Code::kForbidden, "NotAdoptable",
                 "the account " + name +
                     " was not made by herod; if hero_team is to have it, add it to adoptable of [accounts] in "
                     "/etc/hero/herod.toml, as adoptable = [\"" +
                     name + "\"], and run systemctl restart herod-priv; else choose another name"};
  }
  return account;
}

api::Expected<void> Members::Check(const AccountWish& wish) const {
  const auto sudoers = NamesBelow(options_.root);
  if (!sudoers) return sudoers.error();
  const auto account = Find(wish.name, *sudoers);
  if (!account) return account.error();
  for (const std::string& group : wish.groups)
    if (sudoers->groups.contains(api::LowerCase(group))) return NamedInSudoers(wish.name, "its wished group %" + group);
  if (*account || !wish.uid) return {};
  if (sudoers->uids.contains(*wish.uid)) return NamedInSudoers(wish.name, "its number #" + std::to_string(*wish.uid));
  if (api::v1::kMemberIds.Contains(*wish.uid) || IsAdoptable(wish.name) || !api::v1::kPeopleIds.Contains(*wish.uid))
    return {};  // A number of no person's is refused where accounts are made.
  return Error{Code::kForbidden, "NotAdoptable",
               "the account " + wish.name + " is not made with the number " + std::to_string(*wish.uid) +
                   ", which is none that herod gives, unless adoptable of [accounts] in /etc/hero/herod.toml has it"};
}

}  // namespace host::priv
