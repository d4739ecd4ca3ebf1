#include "controllers/team/team_post.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "controllers/team/team_result.h"

namespace controllers {
namespace {

using api::Expected;
using reconciler::Chain;
using reconciler::Plan;
using reconciler::TaskState;
using std::chrono::milliseconds;

constexpr milliseconds kPostDeadline{std::chrono::minutes(2)};  // Four calls of 30 s each at most.
// A forge learns of a merge some seconds after its push. Each try comes after twice the time, so seven at most.
constexpr milliseconds kCommentFirst{std::chrono::seconds(10)};
constexpr milliseconds kCommentWithin{std::chrono::minutes(15)};

bool HasEnded(const std::optional<TaskState>& task, const TeamResult& result) {
  return task && task->input == result.digest && task->phase == TaskState::Phase::kSucceeded;
}

void PlanComment(const TeamState& state, host::Forge& forge, const TeamResult& result, api::Time now, Plan& plan) {
  const api::Json is_commented(true);
  if (state.post->result == is_commented) return;
  if (HasEnded(state.comment, result) && state.comment->result == is_commented) return;
  const api::Time posted = state.post->ended;
  const bool is_under_way = state.comment && state.comment->input == result.digest && !HasEnded(state.comment, result);
  if (!is_under_way) {
    const api::Time asked = HasEnded(state.comment, result) ? std::max(state.comment->ended, posted) : posted;
    const api::Time next = asked + std::max<api::Time::duration>(asked - posted, kCommentFirst);
    if (next > posted + kCommentWithin) return;  // No pull request: somebody pushed.
    if (now < next) {
      plan.recheck_after = std::chrono::ceil<milliseconds>(next - now);
      return;
    }
  }
  const reconciler::TaskWish wish{
      .input = result.digest,
      .deadline = kPostDeadline,
      .work = [&forge, repository = state.forge_repository, commit = state.head,
               comment = result.comment](const std::stop_token& stop) -> Expected<api::Json> {
        auto commented = forge.CommentOnMerge(repository, commit, comment, stop);
        if (!commented) return commented.error();
        return api::Json(*commented);
      }};
  Chain chain;
  chain.Then({.verb = "comment on merge",
              .target = state.forge_repository,
              .reason = "the forge knew no pull request of " + state.head.substr(0, 12) + " before",
              .desired = wish.input,
              .is_upkeep = true},
             [wish](reconciler::StepContext& context) { return context.Ensure(wish); });
  plan.Add(std::move(chain));
}

}  // namespace

std::string PostId(const std::string& repository) { return "post result " + repository; }
std::string CommentId(const std::string& repository) { return "comment on merge " + repository; }

void PlanPost(const TeamState& state, host::Forge* forge, api::Time now, Plan& plan) {
  if (!forge || state.forge_repository.empty()) return;
  const TeamResult result = ResultOf(state);
  if (HasEnded(state.post, result)) return PlanComment(state, *forge, result, now, plan);
  const reconciler::TaskWish wish{.input = result.digest,
                                  .deadline = kPostDeadline,
                                  .work = [forge, repository = state.forge_repository, commit = state.head,
                                           result](const std::stop_token& stop) -> Expected<api::Json> {
                                    if (auto posted = forge->PostStatus(repository, commit, result.status, stop);
                                        !posted)
                                      return posted.error();
                                    auto commented = forge->CommentOnMerge(repository, commit, result.comment, stop);
                                    if (!commented) return commented.error();
                                    return api::Json(*commented);
                                  }};
  Chain chain;
  chain.Then({.verb = "post result",
              .target = state.forge_repository,
              .reason = state.head.substr(0, 12) + ": " + result.status.description,
              .desired = wish.input,
              .is_upkeep = true},
             [wish](reconciler::StepContext& context) { return context.Ensure(wish); });
  plan.Add(std::move(chain));
}

}  // namespace controllers
