#include "controllers/repository/repository_controller.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "api/codec/text.h"
#include "host/file_url.h"

namespace controllers {
namespace {

using api::Code;
using api::Expected;
using api::v1::Repository;
using reconciler::Plan;
using std::chrono::milliseconds;

constexpr milliseconds kFetchDeadline{std::chrono::minutes(2)};

/// Spreads the polls of many repositories over a part of their interval, each always at the same place in it.
milliseconds Jittered(milliseconds interval, int percent, const std::string& name) {
  const auto part = std::max<milliseconds::rep>(interval.count() * percent / 100, 1);
  return interval +
         milliseconds(static_cast<milliseconds::rep>(std::hash<std::string>()(name) % static_cast<std::size_t>(part)));
}

std::string Text(const BranchHeads& heads) {
  std::string text;
  for (const auto& [branch, commit] : heads) text.append(branch).append(" ").append(commit).append("\n");
  return text;
}

/// The step's id does not name the URL: one task for each repository, so its newest fetch is the newest whatever its
/// origin.
std::string FetchId(const Repository& object) { return "fetch " + object.metadata.name; }

/// What the mirror was last fetched from and when: as the task says, or the status when a newer one is under way or
/// failed.
struct LastFetch {
  std::string url{};
  std::optional<api::Time> time{};
};

LastFetch LastFetchOf(const Repository& object, const RepositoryState& state) {
  if (state.fetch && state.fetch->phase == reconciler::TaskState::Phase::kSucceeded)
    return {state.fetch->result.StringOr(""), std::chrono::floor<std::chrono::seconds>(state.fetch->ended)};
  return {object.status.url, object.status.last_fetch_time};
}

std::string ReasonOf(const RepositoryState& state, bool is_mirrored, bool has_moved) {
  if (state.mirror_error) return "has a mirror that cannot be read, is to be mirrored anew from ";
  if (!is_mirrored) return "is not mirrored yet from ";
  return has_moved ? "has moved at " : "was last fetched an interval ago from ";
}

}  // namespace

Expected<RepositoryState> RepositoryController::Observe(const Repository& object,
                                                        const reconciler::Reader& reader) const {
  RepositoryState state{.fetch = reader.FindTask(object.metadata.uid, FetchId(object))};
  auto mirror = git_.Heads(paths_.Mirror(object.metadata.name));
  if (mirror)
    state.mirror = *std::move(mirror);
  else if (mirror.error().code != Code::kNotFound)
    state.mirror_error = mirror.error();
  auto rewritten = RewrittenOf(object, state);
  if (!rewritten) return rewritten.error();
  state.rewritten = *std::move(rewritten);

  const auto path = host::PathOfFileUrl(object.spec.url);
  if (!path) return state;
  // A push moves files below refs/, and packed-refs beside it.
  reader.Watch({.path = *path});
  reader.Watch({.path = *path + "/refs", .is_recursive = true});
  auto origin = git_.Heads(*path);
  if (origin)
    state.origin = *std::move(origin);
  else
    state.origin_error = origin.error();
  return state;
}

/// A branch that lacks what it had. It stays told until it has that again, is gone, or the origin is another one.
Expected<BranchHeads> RepositoryController::RewrittenOf(const Repository& object, const RepositoryState& state) const {
  const api::v1::RepositoryStatus& status = object.status;
  if (!state.mirror) return status.rewritten;
  BranchHeads rewritten;
  if (LastFetchOf(object, state).url != status.url) return rewritten;
  for (const auto& [branch, head] : *state.mirror) {
    const auto lost = status.rewritten.find(branch);
    const auto before = status.heads.find(branch);
    if (lost == status.rewritten.end() && (before == status.heads.end() || before->second == head)) continue;
    const std::string& had = lost != status.rewritten.end() ? lost->second : before->second;
    const auto contains = git_.Contains(paths_.Mirror(object.metadata.name), head, had);
    if (!contains && contains.error().code != Code::kNotFound) return contains.error();
    if (!contains || !*contains) rewritten[branch] = had;
  }
  return rewritten;
}

Plan RepositoryController::Diff(const Repository& object, const RepositoryState& state, api::Time now) const {
  Plan plan;
  if (object.metadata.is_deleting()) {
    if (state.mirror || state.mirror_error)
      plan.Then({"remove mirror", paths_.Mirror(object.metadata.name), "its repository is being deleted"},
                [&git = git_, mirror = paths_.Mirror(object.metadata.name)] { return git.RemoveMirror(mirror); });
    return plan;
  }
  auto interval = object.spec.interval ? api::codec::ParseDuration(*object.spec.interval)
                                       : Expected<milliseconds>(options_.interval);
  if (!interval) {
    plan.Blocked(interval.error().Within("spec.interval"));
    return plan;
  }
  if (state.origin_error) plan.Blocked(*state.origin_error);

  const milliseconds period = Jittered(*interval, options_.jitter_percent, object.metadata.name);
  const LastFetch last = LastFetchOf(object, state);
  // A time to come is of a clock that was wrong then.
  const bool is_due = !last.time || *last.time > now || *last.time + period <= now;
  const bool is_mirrored = state.mirror && last.url == object.spec.url;
  const bool has_moved = is_mirrored && state.origin && *state.origin != *state.mirror;
  plan.recheck_after = is_due ? period : std::chrono::ceil<milliseconds>(*last.time + period - now);
  if (is_mirrored && !is_due && !has_moved) return plan;

  // What decides the fetch: the heads where they are known, else the time of the one before.
  const std::string until = state.origin ? Text(*state.origin) : last.time ? api::codec::FormatTime(*last.time) : "";
  reconciler::StepText text{.verb = "fetch",
                            .target = object.metadata.name,
                            .reason = ReasonOf(state, is_mirrored, has_moved) + object.spec.url,
                            .desired = api::codec::Sha256Hex(object.spec.url + "\n" + until),
                            .is_upkeep = is_mirrored && !has_moved};
  reconciler::TaskWish wish{.input = text.desired,
                            .deadline = kFetchDeadline,
                            .lets_finish = true,
                            .work = [&git = git_, url = object.spec.url, mirror = paths_.Mirror(object.metadata.name)](
                                        std::stop_token stop) -> Expected<api::Json> {
                              auto fetched = git.Fetch(url, mirror, {.deadline = kFetchDeadline}, std::move(stop));
                              if (!fetched) return fetched.error();
                              return api::Json(url);
                            }};
  plan.Then(std::move(text),
            [wish = std::move(wish)](reconciler::StepContext& context) { return context.Ensure(wish); });
  return plan;
}

api::v1::RepositoryStatus RepositoryController::Report(const Repository& object, const RepositoryState& state,
                                                       const reconciler::Results&) const {
  api::v1::RepositoryStatus status = object.status;
  const LastFetch last = LastFetchOf(object, state);
  status.url = last.url;
  status.last_fetch_time = last.time;
  if (state.mirror && last.time) status.heads = *state.mirror;
  status.rewritten = state.rewritten;
  return status;
}

}  // namespace controllers
