#include "controllers/user/user_controller.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "api/codec/text.h"
#include "api/meta/words.h"
#include "host/log.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::v1::Slot;
using api::v1::User;
using host::Account;
using host::AccountWish;
using reconciler::Chain;
using reconciler::Namespace;
using reconciler::Plan;

constexpr std::chrono::milliseconds kArchiveDeadline{
    std::chrono::hours(1)};  // 100 GB at the 30 MB/s of gzip on one core.

// Processes that do not listen are killed after seconds; the rest is for a machine that is busy.
constexpr std::chrono::milliseconds kEndDeadline{std::chrono::minutes(2)};

// Of a User: False while its file in hero_team is not applied as it stands. Absent when all is well.
constexpr std::string_view kSourceValid = "SourceValid";

std::string ClaimIn(const User& object) {
  const auto claim = object.metadata.annotations.find(std::string(kAccountClaim));
  return claim == object.metadata.annotations.end() ? "" : claim->second;
}

/// No value: there is none.
template <class Kind>
Expected<void> Read(const reconciler::Reader& reader, const std::string& name, std::optional<Kind>& into) {
  auto found = reader.Get<Kind>(name);
  if (!found && found.error().code != Code::kNotFound) return found.error();
  if (found) into = *std::move(found);
  return {};
}

std::size_t CountKeys(std::string_view authorized_keys) {
  std::size_t count = 0;
  while (!authorized_keys.empty()) {
    const std::size_t end = std::min(authorized_keys.find('\n'), authorized_keys.size());
    const std::string_view line = authorized_keys.substr(0, end);
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin != std::string_view::npos && line[begin] != '#') ++count;
    authorized_keys.remove_prefix(std::min(end + 1, authorized_keys.size()));
  }
  return count;
}

/// The action that makes an account as wished.
auto EnsureAccount(host::Accounts& accounts, AccountWish wish) {
  return [&accounts, wish = std::move(wish)]() -> Expected<void> {
    auto account = accounts.Ensure(wish);
    if (!account) return account.error();
    return {};
  };
}

/// The action that makes the home of an account that is there by then.
auto EnsureHome(const UserSeams& seams, const std::string& name, const std::string& home) {
  return [&accounts = seams.accounts, &homes = seams.homes, name, home]() -> Expected<void> {
    auto account = accounts.Find(name);
    if (!account) return account.error();
    if (!*account) return Error{Code::kConflict, "AccountGone", "the account " + name + " is gone again"};
    return homes.EnsureHome(home, (*account)->uid, (*account)->gid);
  };
}

Expected<api::Json> Pack(host::Archives& archives, const std::string& home, const std::string& file,
                         std::stop_token stop) {
  auto packed = archives.Pack(home, file, std::move(stop));
  if (!packed) return packed.error();
  host::log::Info("archived", {{"home", home},
                               {"file", file},
                               {"files", std::to_string(packed->files)},
                               {"credentials_left_out", std::to_string(packed->credentials_left_out)},
                               {"mounts_left_out", std::to_string(packed->mounts_left_out)},
                               {"holed_left_out", std::to_string(packed->holed_left_out)}});
  return api::Json();
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
  sources.Directory({.path = paths_.etc, .entries = {"passwd", "group", "shadow", "gshadow"}, .whom = [this] {
                       return ChangedAccounts();
                     }});
  sources.Owns<Namespace>().Owns<Slot>(reconciler::On::kSpecChange);
}

/// A member's account has the name of the User.
std::optional<std::vector<reconciler::Request>> UserController::ChangedAccounts() const {
  const auto names = seams_.accounts.TakeChanged();
  if (!names) return std::nullopt;
  std::vector<reconciler::Request> requests;
  requests.reserve(names->size());
  for (const std::string& name : *names) requests.push_back({"", name});
  return requests;
}

Expected<UserState> UserController::Observe(const User& object, const reconciler::Reader& reader) const {
  UserState state;
  reader.Watch({.path = paths_.Inside(HomeOf(object)) + "/.ssh"});
  auto account = seams_.accounts.Find(object.spec.name);
  if (!account) return account.error();
  state.account = *std::move(account);
  if (auto read = ObserveObjects(object, reader, state); !read) return read.error();
  ObserveSessions(object, state);
  if (object.metadata.is_deleting()) {
    ObserveWork(object, state);
  } else {
    ObserveHome(object, state);
    state.secrets = ObserveSecrets(object, reader, SecretsRepository(object));
  }
  return state;
}

Expected<void> UserController::ObserveObjects(const User& object, const reconciler::Reader& reader,
                                              UserState& state) const {
  state.claim = ClaimIn(object);
  if (state.claim.empty() || !state.account || !IsOurs(object, state.claim, *state.account)) {
    // An earlier step of this very pass may have written it.
    std::optional<User> fresh;
    if (auto read = Read(reader, object.metadata.name, fresh); !read) return read;
    if (fresh && fresh->metadata.uid == object.metadata.uid) state.claim = ClaimIn(*fresh);
  }
  if (auto read = Read(reader, object.metadata.name, state.member_namespace); !read) return read;
  return Read(reader, object.metadata.name, state.slot);
}

void UserController::ObserveHome(const User& object, UserState& state) const {
  auto home = seams_.homes.Look(HomeOf(object));
  if (home)
    state.home = *std::move(home);
  else
    state.home_error = home.error();
}

/// What runs for a member matters once nothing may.
void UserController::ObserveSessions(const User& object, UserState& state) const {
  const bool may_run = !object.spec.deactivated && !object.metadata.is_deleting();
  if (may_run || seams_.sessions == nullptr || !state.account || !IsOurs(object, state.claim, *state.account)) return;
  auto sessions = seams_.sessions->Look(object.spec.name);
  if (sessions)
    state.sessions = *sessions;
  else
    state.sessions_error = sessions.error();
}

void UserController::ObserveWork(const User& object, UserState& state) const {
  auto has_work = seams_.archives.IsWorthwhile(HomeOf(object));
  auto is_archived = seams_.archives.Has(ArchiveName(object));
  if (!has_work) state.archive_error = has_work.error();
  if (!is_archived) state.archive_error = is_archived.error();
  state.has_work = has_work.value_or(false);
  state.is_archived = is_archived.value_or(false);
}

Plan UserController::Diff(const User& object, const UserState& state, api::Time) const {
  if (object.metadata.is_deleting()) return PlanRemoval(object, state);
  Plan plan;
  if (object.spec.source.problem)
    plan.conditions.push_back({.type = std::string(kSourceValid),
                               .status = api::ConditionStatus::kFalse,
                               .reason = "InvalidFile",
                               .message = *object.spec.source.problem + "; what the file said before is in force"});
  std::string claim;
  if (!state.account || !IsOurs(object, state.claim, *state.account)) {
    auto wanted = ClaimOn(object, state.account, options_.claims);
    if (!wanted) {
      plan.Blocked(wanted.error());
      return plan;
    }
    claim = *std::move(wanted);
  }
  plan.Add(PlanAccount(object, state, claim));
  if (state.home_error) plan.Blocked(*state.home_error);
  if (state.sessions_error) plan.Blocked(*state.sessions_error);
  PlanObjects(object, state, plan);
  const std::string repository = SecretsRepository(object);
  if (!repository.empty() && !object.spec.deactivated)
    plan.Add(PlanSecrets(object, state.secrets, repository, *seams_.forge));
  return plan;
}

/// `claim` is empty when the account is herod's already.
Chain UserController::PlanAccount(const User& object, const UserState& state, const std::string& claim) const {
  Chain chain;
  const bool is_taken_over = state.account && !claim.empty();
  if (claim != state.claim && !claim.empty()) chain.steps.push_back(ClaimStep(object, state.account, claim));
  std::optional<Account> account = state.account;
  if (object.spec.deactivated && account && claim.empty() && !account->is_expired) {
    chain.steps.push_back(ExpireStep(object, *account, "is deactivated"));
    account->is_expired = true;
  }
  const AccountWish wish = WishFor(object);
  const std::string difference = account ? DifferenceOf(*account, wish) : "";
  if (!state.account || !difference.empty())
    chain.Then({.verb = !state.account                                ? "create account"
                        : is_taken_over && !state.account->is_expired ? "adopt account"
                                                                      : "update account",
                .target = object.spec.name,
                .reason = state.account ? "differs in " + difference : "is missing",
                .desired = DigestOf(wish)},
               EnsureAccount(seams_.accounts, wish));
  if (object.spec.deactivated) PlanEnd(object, state, chain);
  if (!state.home_error) PlanHome(object, state, is_taken_over, chain);
  return chain;
}

void UserController::PlanHome(const User& object, const UserState& state, bool is_taken_over, Chain& chain) const {
  const std::string home = HomeOf(object);
  if (!state.home.exists || !state.home.is_private)
    chain.Then({.verb = "make home", .target = home, .reason = state.home.exists ? "is open to others" : "is missing"},
               EnsureHome(seams_, object.spec.name, home));
  const std::string keys = AuthorizedKeys(object.spec);
  const bool is_same = state.home.authorized_keys == keys;
  if (state.home.has_keys_file && !state.home.is_keys_file_exposed && is_same) return;
  const std::string there = std::to_string(CountKeys(state.home.authorized_keys));
  chain.Then({.verb = "write keys",
              .target = home + "/.ssh/authorized_keys",
              .reason = state.home.is_keys_file_replaced ? "is a link or no regular file, and is replaced"
                        : !state.home.has_keys_file      ? "is missing"
                        : is_same                        ? "is open to others"
                        : is_taken_over                  ? "replaces the keys that are there, " + there + " of them"
                                                         : "differs from the spec",
              .desired = api::codec::Sha256Hex(keys)},
             [&homes = seams_.homes, home, keys] { return homes.WriteAuthorizedKeys(home, keys); });
}

/// What runs, once login has ended: an expired account keeps its open connections, and whatever it left behind
/// (SEC-11).
void UserController::PlanEnd(const User& object, const UserState& state, Chain& chain) const {
  if (!state.sessions.IsRunning()) return;
  const std::string& name = object.spec.name;
  const reconciler::TaskWish wish{
      .input = api::codec::Sha256Hex(name),
      .deadline = kEndDeadline,
      .work = [&sessions = *seams_.sessions, name](const std::stop_token&) -> Expected<api::Json> {
        if (auto ended = sessions.End(name); !ended) return ended.error();
        return api::Json();
      }};
  chain.Then({.verb = "end sessions",
              .target = name,
              .reason = std::to_string(state.sessions.processes) + " processes run" +
                        (state.sessions.lingers ? ", and systemd keeps more" : ""),
              .desired = wish.input},
             [wish](reconciler::StepContext& context) -> reconciler::StepOutcome { return context.Ensure(wish); });
}

/// Ends login and needs nothing else of the spec to be right for it.
reconciler::Step UserController::ExpireStep(const User& object, const Account& account, std::string reason) const {
  const AccountWish wish = ExpiryOf(object, account, options_.shell);
  Chain chain;
  chain.Then(
      {.verb = "expire account", .target = object.spec.name, .reason = std::move(reason), .desired = DigestOf(wish)},
      EnsureAccount(seams_.accounts, wish));
  return std::move(chain.steps.front());
}

/// A chain each, for neither needs the other: so both are one write.
void UserController::PlanObjects(const User& object, const UserState& state, Plan& plan) const {
  const std::string& name = object.metadata.name;
  const api::OwnerReference owner = reconciler::OwnerOf(object);
  const Namespace member_namespace{.metadata = {.name = name, .owner_references = {owner}}};
  const Slot slot{.metadata = {.name = name, .owner_references = {owner}},
                  .spec = {.user = object.spec.name,
                           .box = options_.box,
                           .manifest_template = object.spec.manifest_template,
                           .deactivated = object.spec.deactivated,
                           .limits = object.spec.limits}};
  plan.Add(std::move(Chain().Put(member_namespace, state.member_namespace ? &*state.member_namespace : nullptr)));
  plan.Add(std::move(Chain().Put(slot, state.slot ? &*state.slot : nullptr)));
}

/// In this order (SEC-11, SEC-12): login ends; what runs is ended, and what would start it again; that login has ended
/// is read back; what is left then is archived. The member's objects have gone before, for they are children. What else
/// ends with a member belongs between the first and the last step.
Plan UserController::PlanRemoval(const User& object, const UserState& state) const {
  Plan plan;
  if (state.account && !IsOurs(object, state.claim, *state.account)) return plan;
  Chain chain;
  if (state.account && !state.account->is_expired) {
    chain.steps.push_back(ExpireStep(object, *state.account, "its user was removed"));
  }
  PlanEnd(object, state, chain);
  if (state.sessions.jobs > 0)
    chain.Then({.verb = "drop jobs",
                .target = object.spec.name,
                .reason = "cron or at would start " + std::to_string(state.sessions.jobs)},
               [&sessions = *seams_.sessions, name = object.spec.name] { return sessions.DropJobs(name); });
  if (state.sessions_error) {
    plan.more = true;
    plan.Blocked(*state.sessions_error);
  } else if (state.archive_error) {
    plan.more = true;  // Whether there is something to archive is unknown: a task that is at it goes on.
    plan.Blocked(*state.archive_error);
  } else if (state.has_work && !state.is_archived) {
    const std::string file = ArchiveName(object);
    const reconciler::TaskWish wish{.input = api::codec::Sha256Hex(file),
                                    .deadline = kArchiveDeadline,
                                    .work = [&archives = seams_.archives, home = HomeOf(object),
                                             file](std::stop_token stop) -> Expected<api::Json> {
                                      return Pack(archives, home, file, std::move(stop));
                                    }};
    chain.Then({.verb = "archive",
                .target = HomeOf(object) + "/hero",
                .reason = "its user was removed",
                .desired = wish.input},
               [wish, &accounts = seams_.accounts,
                name = object.spec.name](reconciler::StepContext& context) -> reconciler::StepOutcome {
                 auto account = accounts.Find(name);
                 if (!account) return account.error();
                 if (*account && !(*account)->is_expired)
                   return Error{Code::kConflict, "NotExpired",
                                "the account " + name + " may log in again, so what is archived would not be the last"};
                 return context.Ensure(wish);
               });
  }
  plan.Add(std::move(chain));
  return plan;
}

api::v1::UserStatus UserController::Report(const User& object, const UserState& state,
                                           const reconciler::Results&) const {
  api::v1::UserStatus status{.home = HomeOf(object)};
  // Who had a number has it again: it is not forgotten while somebody has removed the account.
  if (!state.account) status.uid = object.status.uid;
  if (state.account && IsOurs(object, state.claim, *state.account)) {
    status.uid = state.account->uid;
    status.login_enabled = !state.account->is_expired;
    auto others = OtherGroups(*state.account, WishFor(object));
    if (!others.empty()) status.other_groups = std::move(others);
  }
  const bool has_our_keys = state.home.has_keys_file && state.home.authorized_keys == AuthorizedKeys(object.spec);
  status.keys = has_our_keys ? static_cast<std::int64_t>(object.spec.ssh_pubkeys.size()) : 0;
  const bool is_deleting = object.metadata.is_deleting();
  if (is_deleting) status.keys = object.status.keys;  // Not looked at any more.
  const SecretsState noted{.repository = object.status.secrets_repository.value_or(""),
                           .login = object.status.secrets_login.value_or(""),
                           .is_login_ours = object.status.secrets_login_is_ours.value_or(false)};
  const SecretsState& secrets = is_deleting ? noted : state.secrets;
  if (!secrets.repository.empty()) status.secrets_repository = secrets.repository;
  if (!secrets.login.empty()) {
    status.secrets_login = secrets.login;
    status.secrets_login_is_ours = secrets.is_login_ours;
  }
  if (is_deleting && state.has_work) status.archive = ArchiveName(object);
  return status;
}

AccountWish UserController::WishFor(const User& object) const {
  AccountWish wish{.name = object.spec.name,
                   .uid = object.spec.uid ? object.spec.uid : object.status.uid,
                   .gecos = object.spec.display_name.value_or(""),
                   .home = HomeOf(object),
                   .shell = options_.shell,
                   .is_expired = object.spec.deactivated,
                   .groups = {options_.claims.member_group},
                   .managed_groups = options_.managed_groups};
  for (const std::string& group : object.spec.groups)
    if (!api::HasWord(wish.groups, group)) wish.groups.push_back(group);
  if (!api::HasWord(wish.managed_groups, options_.claims.member_group))
    wish.managed_groups.push_back(options_.claims.member_group);
  std::sort(wish.groups.begin(), wish.groups.end());
  return wish;
}

std::string UserController::SecretsRepository(const User& object) const {
  return seams_.forge ? SecretsRepositoryOf(object, options_.private_org) : "";
}

}  // namespace controllers
