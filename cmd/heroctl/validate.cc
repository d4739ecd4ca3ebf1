#include <string>

#include "api/codec/text.h"
#include "api/meta/words.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/team_directory.h"
#include "cmd/heroctl/work_tree.h"

namespace heroctl {
namespace {

constexpr int kInvalid = 2;  // Scripts rely on it.

}  // namespace

int RunValidate(const Session& session, const Flags& flags) {
  if (flags.objects.size() > 1) return Fail(session, UsageError("validate takes one directory"));
  const std::string directory = flags.objects.empty() ? "." : flags.objects.front();
  const auto rules = OfflineRules::From(flags);
  if (!rules) return Fail(session, rules.error());
  auto team = controllers::ReadHeroTeam(WorkTree(directory), rules->rules());
  if (!team)
    return Fail(session, team.error().Within(directory)), team.error().code == api::Code::kInvalid ? kInvalid : 1;
  controllers::CheckTogether(*team, {.org_keys = rules->org_keys()});
  for (const api::v1::FileProblem& problem : controllers::ProblemsOf(*team)) session.out << problem.message << "\n";
  const auto problems = controllers::ProblemCount(*team);
  session.out << api::Counted(std::ssize(team->users), "member") << ", "
              << api::Counted(std::ssize(team->templates), "template") << ": "
              << (problems == 0 ? "all files are good"
                                : api::Counted(problems, "file") + (problems == 1 ? " is wrong" : " are wrong"))
              << "\n";
  if (!rules->org_keys())
    session.err << "Names of keys in [claude_org_key] were not checked; --known-keys FILE has one name a line.\n";
  return problems == 0 ? 0 : kInvalid;
}

}  // namespace heroctl
