#include "controllers/team/team_controller.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "api/codec/text.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::v1::Repository;
using api::v1::Team;
using api::v1::User;
using reconciler::Chain;
using reconciler::Plan;

constexpr std::size_t kFileBytesMax = 64u << 10;  // The TOML reader's own limit.
constexpr std::string_view kUsers = "users";
constexpr std::string_view kSuffix = ".toml";

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

/// Marks what a team declared. No owner reference: what a team declares outlives its object, for a team is declared
/// again and people are not.
std::map<std::string, std::string> LabelsOf(const Team& team) { return {{"hero.dev/team", team.metadata.name}}; }

bool IsOf(const Team& team, const User& user) {
  const auto label = user.metadata.labels.find("hero.dev/team");
  return label != user.metadata.labels.end() && label->second == team.metadata.name;
}

/// The team that declared it.
template <class Kind>
std::vector<reconciler::Request> TeamOf(const Kind& declared) {
  const auto label = declared.metadata.labels.find("hero.dev/team");
  if (label == declared.metadata.labels.end()) return {};
  return {{"", label->second}};
}

Chain PlanRepository(const Team& team, const TeamState& state) {
  Repository want{.metadata = {.name = std::string(kTeamRepository), .labels = LabelsOf(team)},
                  .spec = {.url = team.spec.url, .interval = team.spec.interval}};
  Chain chain;
  chain.Put(want, state.repository ? &*state.repository : nullptr);
  return chain;
}

Chain PlanUser(const Team& team, const api::v1::UserSpec& spec, const User* have) {
  User want{.metadata = {.name = api::codec::ObjectNameOf(spec.name), .labels = LabelsOf(team)}, .spec = spec};
  Chain chain;
  chain.Put(want, have);
  return chain;
}

Chain PlanRemoval(const User& user) {
  Chain chain;
  if (!user.metadata.is_deleting()) chain.Remove(user, user.spec.source.path + " is gone from hero_team");
  return chain;
}

}  // namespace

TeamController::TeamController(const host::Git& git, host::BoxPaths paths, UserRules rules)
    : git_(git), paths_(std::move(paths)), rules_(std::move(rules)) {}

void TeamController::Watches(reconciler::Sources& sources) const {
  sources.Maps<Repository>(TeamOf<Repository>).Maps<User>(TeamOf<User>, reconciler::On::kSpecChange);
}

Expected<TeamState> TeamController::Observe(const Team& object, const reconciler::Reader& reader) const {
  TeamState state;
  auto repository = reader.Get<Repository>(kTeamRepository);
  if (repository)
    state.repository = *std::move(repository);
  else if (repository.error().code != Code::kNotFound)
    return repository.error();
  auto users = reader.List<User>();
  if (!users) return users.error();
  for (User& user : *users)
    if (IsOf(object, user)) state.users.emplace(user.spec.name, std::move(user));

  auto head = HeadOf(object, state.repository);
  auto read = head ? ReadTree(paths_.Mirror(kTeamRepository), *head, state) : Expected<void>(head.error());
  if (!read)
    state.unread = read.error();
  else
    state.commit = *head;
  return state;
}

Expected<void> TeamController::ReadTree(const std::string& mirror, const std::string& commit, TeamState& state) const {
  auto entries = git_.ListTree(mirror, commit, kUsers);
  if (!entries && entries.error().code == Code::kNotFound)
    return Error{Code::kInvalid, "UsersMissing",
                 "hero_team has no directory users/ at " + commit + ", so nobody is changed or removed"};
  if (!entries) return entries.error();
  for (const host::TreeEntry& entry : *entries) {
    if (!entry.name.ends_with(kSuffix)) continue;
    const std::string stem = entry.name.substr(0, entry.name.size() - kSuffix.size());
    UserDeclaration declaration{.path = std::string(kUsers) + "/" + entry.name};
    auto text = entry.is_file ? git_.ReadBlob(mirror, entry.blob, kFileBytesMax)
                              : Expected<std::string>(Error{Code::kInvalid, "InvalidFile", "is no regular file"});
    // A blob that cannot be read is no statement of its author: the whole tree is unknown then.
    if (!text && text.error().code != Code::kInvalid) return text.error();
    declaration.spec = text ? ReadUserFile(*text, declaration.path, stem, rules_)
                            : Expected<api::v1::UserSpec>(text.error().Within(declaration.path));
    if (declaration.spec) declaration.spec->source = {.path = declaration.path, .blob = entry.blob};
    state.declared.emplace(stem, std::move(declaration));
  }
  return {};
}

Plan TeamController::Diff(const Team& object, const TeamState& state, api::Time) const {
  Plan plan;
  if (object.metadata.is_deleting()) return plan;  // Its members stay: a team is declared again, people are not.
  plan.Add(PlanRepository(object, state));
  if (state.unread) {
    plan.more = state.unread->code == Code::kUnavailable;
    plan.Blocked(*state.unread);
    return plan;
  }
  for (const auto& [stem, declaration] : state.declared) {
    const auto have = state.users.find(stem);
    if (declaration.spec)
      plan.Add(PlanUser(object, *declaration.spec, have == state.users.end() ? nullptr : &have->second));
    else
      plan.Blocked(declaration.spec.error());
  }
  for (const auto& [name, user] : state.users)
    if (!state.declared.contains(name)) plan.Add(PlanRemoval(user));
  return plan;
}

api::v1::TeamStatus TeamController::Report(const Team& object, const TeamState& state,
                                           const reconciler::Results&) const {
  api::v1::TeamStatus status = object.status;
  if (state.commit.empty()) return status;
  status.last_synced_commit = state.commit;
  status.users = 0;
  status.problems.clear();
  for (const auto& [stem, declaration] : state.declared) {
    if (declaration.spec)
      ++status.users;
    else
      status.problems.push_back(
          {.path = declaration.path, .message = api::codec::Printable(declaration.spec.error().message)});
  }
  return status;
}

}  // namespace controllers
