#include "cmd/heroctl/plan_team.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "cmd/heroctl/session.h"
#include "cmd/heroctl/team_directory.h"
#include "cmd/heroctl/work_tree.h"
#include "controllers/team/team_controller.h"
#include "controllers/team/team_labels.h"
#include "host/libgit2/git.h"
#include "host/linux/clock.h"
#include "host/linux/processes.h"
#include "reconciler/guard.h"

namespace heroctl {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using controllers::TeamState;
using reconciler::RemoveObject;
using reconciler::Step;

constexpr std::chrono::seconds kGitDeadline{30};

/// What git answers in a directory, in one line.
Expected<std::string> AskGit(const std::string& directory, std::vector<std::string> arguments) {
  host::Command command{.argv = {"git", "-C", std::filesystem::absolute(directory).string()}, .deadline = kGitDeadline};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  for (const char* name : {"PATH", "HOME"})
    if (const char* value = std::getenv(name)) command.environment[name] = value;
  host::linux::SpawnedProcesses processes;
  auto finished = processes.Run(command, {});
  if (!finished) return finished.error();
  if (finished->exit_code != 0)
    return Error{Code::kNotFound, "GitFailed",
                 "git " + arguments.front() + ": " + api::codec::Printable(finished->err)};
  std::string line = finished->out.substr(0, finished->out.find('\n'));
  return line;
}

/// The commit that REF names; without one, where this branch left development.
Expected<std::string> BaseOf(const std::string& directory, const std::string& reference) {
  if (!reference.empty()) {
    auto commit = AskGit(directory, {"rev-parse", "--verify", "--end-of-options", reference + "^{commit}"});
    return commit ? commit
                  : Expected<std::string>(
                        UsageError("--against " + reference + " is no commit here: " + commit.error().message));
  }
  for (const char* branch : {"development", "origin/development"})
    if (auto base = AskGit(directory, {"merge-base", "HEAD", branch})) return base;
  return UsageError("there is no branch development to compare with; name a commit with --against");
}

/// The tree as it was, as if it were all in force on a box.
Expected<TeamState> StateOf(const std::string& directory, const std::string& base,
                            const controllers::TeamRules& rules) {
  auto repository = AskGit(directory, {"rev-parse", "--path-format=absolute", "--git-common-dir"});
  if (!repository) return repository.error();
  host::linux::SpawnedProcesses processes;
  const host::linux::SystemClock clock;
  const host::libgit2::LibGit2Git git(processes, clock);
  auto before = controllers::ReadHeroTeam(controllers::CommitTree(git, *repository, base), rules);
  if (!before) return before.error();
  controllers::CheckTogether(*before, {});
  TeamState state;
  for (auto& [name, declaration] : before->users) {
    if (!declaration.spec) continue;
    declaration.spec->source.blob.clear();                               // Files that nobody committed have none.
    const auto uid = static_cast<std::int64_t>(state.users.size() + 1);  // Numbers are the box's to give.
    declaration.spec->uid = uid;
    state.reservations[name] = {.metadata = {.name = api::codec::ObjectNameOf(name)},
                                .spec = {.uid = uid, .user = name}};
    state.users[name] = {.metadata = {.name = api::codec::ObjectNameOf(name)}, .spec = *declaration.spec};
  }
  for (auto& [role, declaration] : before->templates) {
    if (!declaration.spec) continue;
    declaration.spec->source.blob.clear();
    state.templates[role] = {.metadata = {.name = api::codec::EncodeName(role)}, .spec = *declaration.spec};
  }
  return state;
}

controllers::InForce InForceOf(const TeamState& state, const OfflineRules& rules) {
  controllers::InForce in_force{.org_keys = rules.org_keys()};
  for (const auto& [name, user] : state.users) in_force.users.emplace(name, user.spec);
  for (const auto& [role, one] : state.templates) in_force.roles.insert(role);
  return in_force;
}

/// The steps in the form in which the daemon tells its plan. Numbers are left out: only the box knows them.
Json DocumentOf(const reconciler::Plan& plan, const TeamState& state) {
  std::map<std::string, std::size_t> removals;  // By resource.
  for (const reconciler::Chain& chain : plan.chains)
    for (const Step& step : chain.steps)
      if (const auto* remove = std::get_if<RemoveObject>(&step.effect)) ++removals[remove->key.resource];
  Json::Array steps;
  for (const reconciler::Chain& chain : plan.chains) {
    for (const Step& step : chain.steps) {
      if (step.text.target.starts_with(api::v1::UidReservation::kInfo.kind)) continue;
      const auto* remove = std::get_if<RemoveObject>(&step.effect);
      const bool is_user = remove && remove->key.resource == api::ResourceName(api::v1::User::kInfo);
      const std::size_t all = is_user ? state.users.size() : state.templates.size();
      steps.push_back(Json::Of({{"object", "teams.hero.dev/team"},
                                {"guarded", remove && reconciler::IsTooMuch(removals[remove->key.resource], all)},
                                {"verb", step.text.verb},
                                {"target", step.text.target},
                                {"reason", step.text.reason},
                                {"desired", step.text.desired}}));
    }
  }
  Json::Array problems;
  for (const Error& problem : plan.problems)
    problems.push_back(
        Json::Of({{"object", "teams.hero.dev/team"}, {"reason", problem.reason}, {"message", problem.message}}));
  return Json::Of({{"kind", "Plan"}, {"steps", std::move(steps)}, {"problems", std::move(problems)}});
}

Expected<Json> PlanDirectory(const std::string& directory, const Flags& flags) {
  auto rules = OfflineRules::From(flags);
  if (!rules) return rules.error();
  auto base = BaseOf(directory, flags.against);
  if (!base) return base.error();
  auto state = StateOf(directory, *base, rules->rules());
  if (!state) return state.error();
  auto team = controllers::ReadHeroTeam(WorkTree(directory), rules->rules());
  if (!team) return team.error().Within(directory);
  controllers::CheckTogether(*team, InForceOf(*state, *rules));
  state->declared = *std::move(team);
  const api::v1::Team object{.metadata = {.name = "team"}};
  for (auto& [name, user] : state->users) user.metadata.labels = controllers::LabelsOf(object);
  for (auto& [role, one] : state->templates) one.metadata.labels = controllers::LabelsOf(object);
  reconciler::Plan plan;
  controllers::PlanDeclared(object, *state, plan);
  return DocumentOf(plan, *state);
}

}  // namespace

Expected<Json> PlanTeamDirectory(const Flags& flags) {
  if (flags.objects.size() > 1) return UsageError("plan --against takes one directory");
  return PlanDirectory(flags.objects.empty() ? "." : flags.objects.front(), flags);
}

}  // namespace heroctl
