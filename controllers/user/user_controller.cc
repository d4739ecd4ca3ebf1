#include "controllers/user/user_controller.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "api/codec/text.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::v1::User;
using host::Account;
using host::AccountWish;
using reconciler::Chain;
using reconciler::Plan;

constexpr std::chrono::milliseconds kArchiveDeadline{
    std::chrono::hours(1)};  // 100 GB at the 30 MB/s of gzip on one core.

// Debian policy 9.2.2: accounts of people. Those below belong to the system and are never taken over, whatever git
// says.
constexpr std::int64_t kHumanUidMin = 1000;
constexpr std::int64_t kHumanUidMax = 59999;

// Of a User: False while its file in hero_team is not applied as it stands. Absent when all is well.
constexpr std::string_view kSourceValid = "SourceValid";

bool Has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string HomeOf(const User& object) { return "/home/" + object.spec.name; }

/// Of the groups that herod manages, those the account is in.
std::vector<std::string> ManagedGroups(const Account& account, const AccountWish& wish) {
  std::vector<std::string> groups;
  for (const std::string& group : account.groups)
    if (Has(wish.managed_groups, group)) groups.push_back(group);
  return groups;
}

/// `display name, groups +developers -hero`; empty when the account is as wished.
std::string Difference(const Account& account, const AccountWish& wish) {
  std::string text;
  const auto add = [&](std::string_view what) { text += (text.empty() ? "" : ", ") + std::string(what); };
  if (account.gecos != wish.gecos) add("display name");
  if (account.shell != wish.shell) add("shell");
  if (account.home != wish.home) add("home");
  if (account.is_expired != wish.is_expired) add(wish.is_expired ? "is not expired" : "is expired");
  const auto have = ManagedGroups(account, wish);
  std::string groups;
  for (const std::string& group : wish.groups)
    if (!Has(have, group)) groups += (groups.empty() ? "+" : " +") + group;
  for (const std::string& group : have)
    if (!Has(wish.groups, group)) groups += (groups.empty() ? "-" : " -") + group;
  if (!groups.empty()) add("groups " + groups);
  return text;
}

std::string DigestOf(const AccountWish& wish) {
  std::string text =
      wish.gecos + "\n" + wish.home + "\n" + wish.shell + "\n" + (wish.is_expired ? "expired" : "active");
  for (const std::string& group : wish.groups) text += "\n" + group;
  return api::codec::Sha256Hex(text);
}

/// The action that makes an account as wished.
auto EnsureAccount(host::Accounts& accounts, AccountWish wish) {
  return [&accounts, wish = std::move(wish)]() -> Expected<void> {
    auto account = accounts.Ensure(wish);
    if (!account) return account.error();
    return {};
  };
}

}  // namespace

std::string AuthorizedKeys(const api::v1::UserSpec& spec) {
  std::string text = "# Written by herod from " + spec.source.path + "; changes here are undone.\n";
  for (const std::string& key : spec.ssh_pubkeys) text += key + "\n";
  return text;
}

std::string ArchiveName(const User& object) {
  std::string stamp = api::codec::FormatTime(object.metadata.deletion_timestamp.value_or(api::Time()));
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  return object.spec.name + "-" + stamp + ".tar.gz";
}

UserController::UserController(const UserSeams& seams, host::BoxPaths paths, UserOptions options)
    : seams_(seams), paths_(std::move(paths)), options_(std::move(options)) {}

void UserController::Watches(reconciler::Sources& sources) const {
  sources.Directory({.path = paths_.etc, .entries = {"passwd", "group", "shadow", "gshadow"}});
}

Expected<UserState> UserController::Observe(const User& object, const reconciler::Reader& reader) const {
  UserState state;
  reader.Watch({.path = paths_.Inside(HomeOf(object)) + "/.ssh"});
  auto account = seams_.accounts.Find(object.spec.name);
  if (!account) return account.error();
  state.account = *std::move(account);
  auto home = seams_.homes.Look(HomeOf(object));
  if (!home) return home.error();
  state.home = *std::move(home);
  if (!object.metadata.is_deleting()) return state;

  auto has_work = seams_.archives.IsWorthwhile(HomeOf(object));
  if (!has_work) return has_work.error();
  auto is_archived = seams_.archives.Has(ArchiveName(object));
  if (!is_archived) return is_archived.error();
  state.has_work = *has_work;
  state.is_archived = *is_archived;
  return state;
}

Plan UserController::Diff(const User& object, const UserState& state, api::Time) const {
  Plan plan;
  if (object.spec.source.problem)
    plan.conditions.push_back({.type = std::string(kSourceValid),
                               .status = api::ConditionStatus::kFalse,
                               .reason = "InvalidFile",
                               .message = *object.spec.source.problem + "; what the file said before is in force"});
  const bool is_foreign = state.account && !IsOurs(object, *state.account);
  if (object.metadata.is_deleting()) {
    if (!is_foreign) plan.Add(PlanRemoval(object, state));
  } else if (is_foreign) {
    plan.Blocked({Code::kForbidden, "ForeignAccount",
                  "an account " + object.spec.name + " is here that herod did not make; set adopt = true in " +
                      object.spec.source.path + " to take it over, or choose another name"});
  } else {
    plan.Add(PlanPresence(object, state));
  }
  return plan;
}

Chain UserController::PlanPresence(const User& object, const UserState& state) const {
  Chain chain;
  AccountWish wish = WishFor(object);
  const std::string name = object.spec.name;
  const std::string difference = state.account ? Difference(*state.account, wish) : "";
  if (!state.account || !difference.empty())
    chain.Then({.verb = state.account ? "update account" : "create account",
                .target = name,
                .reason = state.account ? "differs in " + difference : "is missing",
                .desired = DigestOf(wish)},
               EnsureAccount(seams_.accounts, wish));
  if (!state.home.exists || !state.home.is_private)
    chain.Then(
        {.verb = "make home", .target = wish.home, .reason = state.home.exists ? "is open to others" : "is missing"},
        [&seams = seams_, name, home = wish.home]() -> Expected<void> {
          auto account = seams.accounts.Find(name);
          if (!account) return account.error();
          if (!*account) return Error{Code::kConflict, "AccountGone", "the account " + name + " is gone again"};
          return seams.homes.EnsureHome(home, (*account)->uid, (*account)->gid);
        });
  const std::string keys = AuthorizedKeys(object.spec);
  const bool is_same = state.home.authorized_keys == keys;
  if (!state.home.has_keys_file || state.home.is_keys_file_exposed || !is_same)
    chain.Then({.verb = "write keys",
                .target = wish.home + "/.ssh/authorized_keys",
                .reason = !state.home.has_keys_file ? "is missing"
                          : is_same                 ? "is open to others"
                                                    : "differs from the spec",
                .desired = api::codec::Sha256Hex(keys)},
               [&homes = seams_.homes, home = wish.home, keys] { return homes.WriteAuthorizedKeys(home, keys); });
  return chain;
}

/// Login ends before the archive is taken, so that what is archived is what was left.
Chain UserController::PlanRemoval(const User& object, const UserState& state) const {
  Chain chain;
  if (state.account && !state.account->is_expired) {
    AccountWish wish = WishFor(object);
    wish.is_expired = true;
    chain.Then({.verb = "expire account",
                .target = object.spec.name,
                .reason = "its user was removed",
                .desired = DigestOf(wish)},
               EnsureAccount(seams_.accounts, wish));
  }
  if (state.has_work && !state.is_archived) {
    const std::string file = ArchiveName(object);
    const reconciler::TaskWish wish{.input = api::codec::Sha256Hex(file),
                                    .deadline = kArchiveDeadline,
                                    .work = [&archives = seams_.archives, home = HomeOf(object),
                                             file](std::stop_token stop) -> Expected<api::Json> {
                                      auto packed = archives.Pack(home, file, std::move(stop));
                                      if (!packed) return packed.error();
                                      return api::Json();
                                    }};
    chain.Then({.verb = "archive",
                .target = HomeOf(object) + "/hero",
                .reason = "its user was removed",
                .desired = wish.input},
               [wish](reconciler::StepContext& context) { return context.Ensure(wish); });
  }
  return chain;
}

api::v1::UserStatus UserController::Report(const User& object, const UserState& state,
                                           const reconciler::Results&) const {
  const bool is_ours = state.account && IsOurs(object, *state.account);
  api::v1::UserStatus status{.home = HomeOf(object)};
  if (is_ours) status.uid = state.account->uid;
  status.login_enabled = is_ours && !state.account->is_expired;
  const bool has_our_keys = state.home.has_keys_file && state.home.authorized_keys == AuthorizedKeys(object.spec);
  status.keys = has_our_keys ? static_cast<std::int64_t>(object.spec.ssh_pubkeys.size()) : 0;
  return status;
}

AccountWish UserController::WishFor(const User& object) const {
  AccountWish wish{.name = object.spec.name,
                   .gecos = object.spec.display_name.value_or(""),
                   .home = HomeOf(object),
                   .shell = options_.shell,
                   .is_expired = object.spec.deactivated,
                   .groups = {options_.member_group},
                   .managed_groups = options_.managed_groups};
  for (const std::string& group : object.spec.groups)
    if (!Has(wish.groups, group)) wish.groups.push_back(group);
  if (!Has(wish.managed_groups, options_.member_group)) wish.managed_groups.push_back(options_.member_group);
  std::sort(wish.groups.begin(), wish.groups.end());
  return wish;
}

/// An account that herod made has the uid that it noted, or is in the members' group; adoption is the spec's word.
bool UserController::IsOurs(const User& object, const Account& account) const {
  const bool may_adopt = object.spec.adopt && account.uid >= kHumanUidMin && account.uid <= kHumanUidMax;
  return may_adopt || object.status.uid == account.uid || Has(account.groups, options_.member_group);
}

}  // namespace controllers
