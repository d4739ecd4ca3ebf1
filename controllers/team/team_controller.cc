#include "controllers/team/team_controller.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "api/codec/text.h"
#include "api/v1/account_ids.h"
#include "api/v1/org_key.h"
#include "controllers/team/team_labels.h"
#include "controllers/team/team_post.h"
#include "controllers/team/team_result.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::v1::ManifestTemplate;
using api::v1::OrgKey;
using api::v1::Repository;
using api::v1::Team;
using api::v1::UidReservation;
using api::v1::User;
using host::TeamSyncState;
using reconciler::Chain;
using reconciler::Plan;
using reconciler::Request;

constexpr std::chrono::milliseconds kSignatureDeadline{std::chrono::minutes(1)};  // Twice what git is given.
constexpr std::string_view kTeam = "team";                                        // There is one.

/// The head of the team's branch, or why it is not known.
Expected<std::string> HeadOf(const Team& team, const std::optional<Repository>& repository) {
  if (!repository || repository->status.url != team.spec.url)
    return Error{Code::kUnavailable, "NotFetched", "hero_team has not been fetched from " + team.spec.url + " yet"};
  const auto& heads = repository->status.heads;
  const auto head = heads.find(team.spec.branch);
  if (head != heads.end()) return head->second;
  std::string branches;
  for (const auto& [branch, commit] : heads) branches += (branches.empty() ? "" : ", ") + branch;
  return Error{Code::kNotFound, "BranchMissing",
               "hero_team has no branch " + team.spec.branch + "; it has: " + (branches.empty() ? "none" : branches)};
}

/// The team that declared it.
template <class Kind>
std::vector<Request> TeamOf(const Kind& declared) {
  const auto label = declared.metadata.labels.find(kTeamLabel);
  if (label == declared.metadata.labels.end()) return {};
  return {{"", label->second}};
}

/// An account that was adopted has brought a number of its own.
std::vector<Request> TeamOfAdopted(const User& user) {
  if (!user.spec.adopt || !user.status.uid || user.status.uid == user.spec.uid) return {};
  return TeamOf(user);
}

/// A member's number was taken before the account was made.
std::vector<Request> TeamOfUidTaken(const User& user) {
  const api::Condition* ready = user.common.Find(api::kReady);
  if (!ready || ready->reason != "UidTaken") return {};
  return TeamOf(user);
}

template <class Kind>
std::vector<Request> TheTeam(const Kind&) {
  return {{"", std::string(kTeam)}};
}

template <class Kind>
bool IsOf(const Team& team, const Kind& declared) {
  const auto label = declared.metadata.labels.find(kTeamLabel);
  return label != declared.metadata.labels.end() && label->second == team.metadata.name;
}

Chain PlanRepository(const Team& team, const TeamState& state) {
  Repository want{.metadata = {.name = std::string(kTeamRepository), .labels = LabelsOf(team)},
                  .spec = {.url = team.spec.url, .interval = team.spec.interval}};
  Chain chain;
  chain.Put(want, state.repository ? &*state.repository : nullptr);
  return chain;
}

/// The state as it is to be once the plan was tried, without its time.
TeamSyncState SyncedState(const Team& team, const TeamState& state) {
  const TeamResult result = ResultOf(state);
  TeamSyncState want{.url = team.spec.url,
                     .branch = team.spec.branch,
                     .last_synced_commit = state.head,
                     .users = result.users,
                     .templates = result.templates,
                     .problems = result.problems,
                     .result = result.digest};
  if (state.sync) want.last_synced_at = state.sync->last_synced_at;
  return want;
}

/// Has the head followed once an operator agrees.
void PlanAcceptance(const Team& team, const TeamState& state, host::TeamSync& sync, const std::string& verb,
                    const std::string& message, Plan& plan) {
  TeamSyncState accepted = state.sync.value_or(TeamSyncState{});
  accepted.url = team.spec.url;
  accepted.branch = team.spec.branch;
  accepted.last_synced_commit = state.synced;
  accepted.accepted_commit = state.head;
  Chain chain;
  chain.Then({.verb = verb, .target = "hero_team", .reason = message, .desired = state.head, .is_guarded = true},
             [&sync, accepted] { return sync.Write(accepted); });
  plan.Add(std::move(chain));
}

constexpr std::string_view kAskOperator =
    "; nothing is changed until an operator agrees: heroctl get approvals, heroctl approve HASH";

std::string RewrittenMessage(const Team& team, const TeamState& state) {
  return "the history of " + team.spec.branch + " was rewritten: its head " + state.head.substr(0, 12) +
         " does not contain " + state.synced.substr(0, 12) + ", which was applied last";
}

void PlanRewritten(const Team& team, const TeamState& state, host::TeamSync& sync, Plan& plan) {
  const std::string message = RewrittenMessage(team, state);
  PlanAcceptance(team, state, sync, "accept history", message, plan);
  plan.Blocked({Code::kForbidden, "HistoryRewritten", message + std::string(kAskOperator)});
}

std::string SignatureInput(const TeamState& state, const std::string& signers) {
  return api::codec::Sha256Hex(state.head + "\n" + signers);
}

constexpr const char* kCheckSignature = "check signature";
constexpr const char* kHeroTeam = "hero_team";

/// Has the signature looked at; what it came to is for an operator.
void PlanSignature(const Team& team, const TeamState& state, const TeamSeams& seams, const std::string& mirror,
                   const std::string& signers, Plan& plan) {
  if (state.signature_fault) {
    const std::string message = "the head " + state.head.substr(0, 12) + " of " + team.spec.branch + " " +
                                *state.signature_fault +
                                (state.is_rewritten ? ", and " + RewrittenMessage(team, state) : "");
    PlanAcceptance(team, state, seams.sync, "accept commit", message, plan);
    plan.Blocked({Code::kForbidden, "NotSigned", message + std::string(kAskOperator)});
    return;
  }
  const reconciler::TaskWish wish{
      .input = SignatureInput(state, signers),
      .deadline = kSignatureDeadline,
      .work = [&git = seams.git, mirror, commit = state.head, signers](std::stop_token stop) -> Expected<api::Json> {
        auto fault = git.SignatureFault(mirror, commit, signers, std::move(stop));
        if (!fault) return fault.error();
        return api::Json(*fault);
      }};
  Chain chain;
  chain.Then({.verb = kCheckSignature,
              .target = kHeroTeam,
              .reason = state.head.substr(0, 12) + " is new",
              .desired = wish.input},
             [wish](reconciler::StepContext& context) { return context.Ensure(wish); });
  plan.Add(std::move(chain));
  plan.more = true;  // What it declares follows once its signature is known.
}

/// The last chain of all: what is before it has been tried when its turn comes.
void PlanRecord(const Team& team, const TeamState& state, host::TeamSync& sync, api::Time now, Plan& plan) {
  TeamSyncState want = SyncedState(team, state);
  if (state.sync == want) return;
  want.last_synced_at = api::codec::FormatTime(now);
  Chain chain;
  chain.Then({.verb = "record",
              .target = "state.toml",
              .reason = !state.sync_problem.empty() ? "cannot be read, and is kept aside: " + state.sync_problem
                        : state.sync && state.sync->last_synced_commit == state.head
                            ? "the result of " + state.head.substr(0, 12) + " has changed"
                            : state.head.substr(0, 12) + " was tried whole",
              .desired = want.result},
             [&sync, want, line = LogLine(state, plan, now)]() -> Expected<void> {
               // The line first: without the state it is written again, without the line nobody would know.
               if (auto logged = sync.Log(line); !logged) return logged;
               return sync.Write(want);
             });
  plan.Add(std::move(chain));
}

}  // namespace

TeamController::TeamController(const TeamSeams& seams, host::BoxPaths paths, TeamRules rules)
    : seams_(seams), paths_(std::move(paths)), rules_(std::move(rules)) {}

void TeamController::Watches(reconciler::Sources& sources) const {
  sources.Maps<Repository>(TeamOf<Repository>)
      .Maps<User>(TeamOf<User>, reconciler::On::kSpecChange)
      .Maps<User>(TeamOfAdopted)
      .Maps<User>(TeamOfUidTaken)
      .Maps<ManifestTemplate>(TeamOf<ManifestTemplate>, reconciler::On::kSpecChange)
      .Maps<OrgKey>(TheTeam<OrgKey>, reconciler::On::kSpecChange)
      .Maps<UidReservation>(TheTeam<UidReservation>, reconciler::On::kSpecChange);
}

Expected<TeamState> TeamController::Observe(const Team& object, const reconciler::Reader& reader) const {
  TeamState state;
  InForce in_force;
  if (auto read = ReadObjects(object, reader, state, in_force); !read) return read.error();
  if (auto read = ReadSync(object, state); !read) return read.error();
  if (seams_.forge) {
    state.forge_repository = seams_.forge->RepositoryOf(object.spec.url).value_or("");
    state.post = reader.FindTask(object.metadata.uid, PostId(state.forge_repository));
    state.comment = reader.FindTask(object.metadata.uid, CommentId(state.forge_repository));
  }
  auto head = HeadOf(object, state.repository);
  if (head) state.head = *head;
  auto read = head ? ReadTree(in_force, state) : Expected<void>(head.error());
  if (!read) state.unread = read.error();
  ReadSignature(object, reader, state);
  return state;
}

Expected<void> TeamController::ReadObjects(const Team& object, const reconciler::Reader& reader, TeamState& state,
                                           InForce& in_force) const {
  auto repository = reader.Get<Repository>(kTeamRepository);
  if (repository)
    state.repository = *std::move(repository);
  else if (repository.error().code != Code::kNotFound)
    return repository.error();
  auto users = reader.List<User>();
  if (!users) return users.error();
  for (User& user : *users) {
    if (!IsOf(object, user)) continue;
    if (!user.metadata.is_deleting()) in_force.users.emplace(user.spec.name, user.spec);
    state.users.emplace(user.spec.name, std::move(user));
  }
  auto templates = reader.List<ManifestTemplate>();
  if (!templates) return templates.error();
  for (ManifestTemplate& one : *templates) {
    if (!IsOf(object, one)) continue;
    in_force.roles.insert(one.spec.role);
    state.templates.emplace(one.spec.role, std::move(one));
  }
  auto reservations = reader.List<UidReservation>();
  if (!reservations) return reservations.error();
  for (UidReservation& one : *reservations) state.reservations.emplace(one.spec.user, std::move(one));
  auto holders = seams_.numbers.HoldersOf(api::v1::kMemberIds);
  if (!holders) return holders.error();
  state.holders = *std::move(holders);
  auto keys = reader.List<OrgKey>();
  if (!keys) return keys.error();
  state.has_org_keys = !keys->empty();
  if (state.has_org_keys) in_force.org_keys.emplace();
  for (const OrgKey& key : *keys) in_force.org_keys->insert(key.spec.slot);
  return {};
}

/// A state of another URL or branch says nothing about this one: whoever changed herod.toml has decided that.
Expected<void> TeamController::ReadSync(const Team& object, TeamState& state) const {
  auto sync = seams_.sync.Read();
  if (!sync && sync.error().code != Code::kInvalid) return sync.error();
  if (!sync) state.sync_problem = sync.error().message;
  if (sync) state.sync = *std::move(sync);
  if (!state.sync)
    state.synced = object.status.last_synced_commit;  // The file was lost or is unreadable; the store knows it too.
  else if (state.sync->url == object.spec.url && state.sync->branch == object.spec.branch)
    state.synced = state.sync->last_synced_commit;
  return {};
}

/// What was applied already, or what an operator has agreed to, needs no signature any more.
void TeamController::ReadSignature(const Team& object, const reconciler::Reader& reader, TeamState& state) const {
  const bool is_accepted = state.sync && state.sync->accepted_commit == state.head;
  if (rules_.signers.empty() || state.head.empty() || state.head == state.synced || is_accepted) return;
  state.needs_signature = true;
  const auto task = reader.FindTask(object.metadata.uid, std::string(kCheckSignature) + " " + std::string(kHeroTeam));
  if (!task || task->phase != reconciler::TaskState::Phase::kSucceeded) return;
  if (task->input != SignatureInput(state, rules_.signers)) return;
  const std::string fault = task->result.StringOr("cannot be known");
  state.needs_signature = !fault.empty();
  if (!fault.empty()) state.signature_fault = fault;
}

Expected<bool> TeamController::IsRewritten(const TeamState& state) const {
  const std::string mirror = paths_.Mirror(kTeamRepository);
  const std::string accepted = state.sync ? state.sync->accepted_commit : "";
  for (const std::string& base : {state.synced, accepted}) {
    if (base.empty()) continue;
    if (base == state.head) return false;
    auto contains = seams_.git.Contains(mirror, state.head, base);
    // The head is there, its tree was read; so it is the base that is not, and no history of the head has it.
    if (!contains && contains.error().code != Code::kNotFound) return contains.error();
    if (contains && *contains) return false;
  }
  return !state.synced.empty();
}

Expected<void> TeamController::ReadTree(const InForce& in_force, TeamState& state) const {
  std::shared_ptr<const HeroTeam> before;
  {
    const std::lock_guard lock(mutex_);
    before = read_;
  }
  const CommitTree tree(seams_.git, paths_.Mirror(kTeamRepository), state.head);
  auto team = ReadHeroTeam(tree, rules_, before.get());
  if (!team) return team.error();
  auto rewritten = IsRewritten(state);
  if (!rewritten) return rewritten.error();
  state.is_rewritten = *rewritten;
  {
    const std::lock_guard lock(mutex_);
    read_ = std::make_shared<const HeroTeam>(*team);
  }
  CheckTogether(*team, in_force);
  state.declared = *std::move(team);
  return {};
}

Plan TeamController::Diff(const Team& object, const TeamState& state, api::Time now) const {
  Plan plan;
  if (object.metadata.is_deleting()) return plan;  // Its members stay: a team is declared again, people are not.
  plan.Add(PlanRepository(object, state));
  if (state.unread) {
    plan.more = state.unread->code == Code::kUnavailable;
    plan.Blocked(*state.unread);
    // What its author can mend is told to its author; an outage is nobody's result.
    if (state.unread->code == Code::kInvalid) PlanPost(state, seams_.forge, now, plan);
    return plan;
  }
  if (state.needs_signature) {
    PlanSignature(object, state, seams_, paths_.Mirror(kTeamRepository), rules_.signers, plan);
    if (state.signature_fault) PlanPost(state, seams_.forge, now, plan);
    return plan;
  }
  if (state.is_rewritten) {
    PlanRewritten(object, state, seams_.sync, plan);
    PlanPost(state, seams_.forge, now, plan);
    return plan;
  }
  PlanDeclared(object, state, plan);
  PlanRecord(object, state, seams_.sync, now, plan);
  PlanPost(state, seams_.forge, now, plan);
  return plan;
}

api::v1::TeamStatus TeamController::Report(const Team& object, const TeamState& state,
                                           const reconciler::Results&) const {
  api::v1::TeamStatus status = object.status;
  if (!state.MayApply()) return status;
  if (!state.synced.empty()) status.last_synced_commit = state.synced;
  const TeamResult result = ResultOf(state);
  status.users = result.users;
  status.templates = result.templates;
  status.org_keys_checked = state.has_org_keys;
  status.problems = ProblemsOf(state.declared);
  if (!state.sync_problem.empty()) status.problems.push_back({"state.toml", api::codec::Printable(state.sync_problem)});
  return status;
}

}  // namespace controllers
