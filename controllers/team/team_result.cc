#include "controllers/team/team_result.h"

#include <string_view>
#include <variant>

#include "api/codec/text.h"
#include "api/meta/words.h"

namespace controllers {
namespace {

using api::codec::Printable;

constexpr std::string_view kContext = "herobox/reconcile";
constexpr std::size_t kLineProblemsMax =
    10;  // A line that nobody can read to its end helps nobody; the status has more.

std::int64_t Good(const auto& declared) {
  std::int64_t good = 0;
  for (const auto& [stem, declaration] : declared) good += declaration.spec ? 1 : 0;
  return good;
}

/// Why nothing of a commit was applied, where its author has a part in that; else empty.
std::string WhyNothing(const TeamState& state) {
  if (state.unread) return state.unread->code == api::Code::kInvalid ? state.unread->message : "";
  const std::string until = ", so nothing is applied until an operator of the box agrees";
  if (state.signature_fault) return "the commit " + *state.signature_fault + until;
  return state.is_rewritten ? "the history was rewritten" + until : "";
}

TeamResult ResultOfNothing(const TeamState& state, const std::string& why) {
  return {.status = {.context = std::string(kContext),
                     .state = host::CommitState::kFailure,
                     .description = Printable(why, 140)},
          .comment = "**herobox/reconcile**: nothing was changed at " + state.head.substr(0, 12) + ".\n\n    " +
                     Printable(why, 512) + "\n",
          .digest = api::codec::Sha256Hex(state.head + "\n" + why)};
}

}  // namespace

TeamResult ResultOf(const TeamState& state) {
  if (const std::string why = WhyNothing(state); !why.empty()) return ResultOfNothing(state, why);
  const std::int64_t problems = ProblemCount(state.declared);
  TeamResult result{
      .users = Good(state.declared.users), .templates = Good(state.declared.templates), .problems = problems};
  const std::string counts =
      api::Counted(result.users, "member") + " and " + api::Counted(result.templates, "template") + " declared";
  result.status = {
      .context = std::string(kContext),
      .state = problems == 0 ? host::CommitState::kSuccess : host::CommitState::kFailure,
      .description = counts + (problems == 0 ? "" : ", " + api::Counted(problems, "file") + " not applied")};
  result.comment = "**herobox/reconcile**: " + result.status.description + " at " + state.head.substr(0, 12) + ".\n";
  if (problems > 0) {
    result.comment += "\nWhat these files said before is kept, and nobody else is affected:\n\n";
    // Four blanks make it code: no link, no name that somebody is told of, no HTML.
    for (const api::v1::FileProblem& problem : ProblemsOf(state.declared))
      result.comment += "    " + Printable(problem.message, 512) + "\n";
  }
  result.digest = api::codec::Sha256Hex(state.head + "\n" + result.comment);
  return result;
}

std::string LogLine(const TeamState& state, const reconciler::Plan& plan, api::Time now) {
  std::int64_t creates = 0;
  std::int64_t updates = 0;
  std::int64_t removals = 0;
  for (const reconciler::Chain& chain : plan.chains) {
    for (const reconciler::Step& step : chain.steps) {
      if (std::holds_alternative<reconciler::RemoveObject>(step.effect)) ++removals;
      if (!std::holds_alternative<reconciler::PutObject>(step.effect)) continue;
      ++(step.text.verb == "create" ? creates : updates);
    }
  }
  std::string line =
      api::codec::FormatTime(now) + " commit=" + state.head + " users=" + std::to_string(Good(state.declared.users)) +
      " templates=" + std::to_string(Good(state.declared.templates)) + " create=" + std::to_string(creates) +
      " update=" + std::to_string(updates) + " remove=" + std::to_string(removals) +
      " problems=" + std::to_string(ProblemCount(state.declared));
  std::size_t shown = 0;
  for (const api::v1::FileProblem& problem : ProblemsOf(state.declared)) {
    if (++shown > kLineProblemsMax) break;
    line += (shown == 1 ? ": " : "; ") + Printable(problem.message, 512);
  }
  return line;
}

}  // namespace controllers
