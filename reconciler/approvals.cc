#include "reconciler/approvals.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "api/codec/text.h"
#include "reconciler/object_steps.h"
#include "reconciler/typed.h"

namespace reconciler {
namespace {

using api::Expected;

/// An approval that nothing came of must not let the same thing happen months later.
constexpr std::chrono::hours kLapsesAfter{7 * 24};

bool Includes(const std::vector<HeldStep>& all, const std::vector<HeldStep>& some) {
  return std::all_of(some.begin(), some.end(), [&](const HeldStep& step) {
    return std::any_of(all.begin(), all.end(), [&](const HeldStep& other) {
      return HashOf({step}) == HashOf({other});  // Whatever the words of the reason are.
    });
  });
}

bool IsOf(const Approval& approval, std::string_view controller, std::string_view object) {
  return approval.spec.controller == controller && approval.spec.object == object;
}

WriteOptions As(std::string_view controller) { return {.actor = "system:controller:" + std::string(controller)}; }

}  // namespace

std::string HashOf(const std::vector<HeldStep>& steps) {
  std::vector<const HeldStep*> sorted;
  sorted.reserve(steps.size());
  for (const HeldStep& step : steps) sorted.push_back(&step);
  const auto key = [](const HeldStep* step) {
    return std::tie(step->controller, step->kind, step->name, step->verb, step->target, step->desired);
  };
  std::sort(sorted.begin(), sorted.end(), [&](const HeldStep* a, const HeldStep* b) { return key(a) < key(b); });
  api::Json canonical = api::Json::Array{};
  for (const HeldStep* step : sorted)
    canonical.Append(api::Json::Of({{"controller", step->controller},
                                    {"desired", step->desired},
                                    {"kind", step->kind},
                                    {"name", step->name},
                                    {"target", step->target},
                                    {"verb", step->verb}}));
  return api::codec::Sha256Hex(api::codec::WriteJson(canonical));
}

Approvals::Found Approvals::FindIn(const std::vector<Approval>& all, std::string_view controller,
                                   std::string_view object, const std::vector<HeldStep>& steps) const {
  Found found;
  const std::string hash = HashOf(steps);
  for (const Approval& approval : all) {
    if (IsLapsed(approval)) continue;
    const bool is_ours = IsOf(approval, controller, object);
    const bool is_anybodys = approval.spec.controller.empty();  // Given in advance.
    const bool is_same = approval.metadata.name == hash && (is_anybodys || is_ours);
    if (is_same) found.asked = &approval;
    if (approval.spec.approved && (is_same || (is_ours && Includes(approval.spec.steps, steps))))
      found.given = &approval;
  }
  return found;
}

Expected<bool> Approvals::IsApproved(std::string_view controller, std::string_view object,
                                     const std::vector<HeldStep>& steps) const {
  auto all = All();
  if (!all) return all.error();
  return FindIn(*all, controller, object, steps).given != nullptr;
}

Expected<bool> Approvals::May(std::string_view controller, std::string_view object, const std::vector<HeldStep>& steps,
                              std::string_view reason) {
  auto all = All();
  if (!all) return all.error();
  const std::string hash = HashOf(steps);
  const auto [given, asked] = FindIn(*all, controller, object, steps);
  for (const Approval& approval : *all) {
    if (&approval == given || &approval == asked || (!IsOf(approval, controller, object) && !IsLapsed(approval)))
      continue;
    if (auto removed = Remove(approval, controller); !removed) return removed.error();
  }
  const Approval want{.metadata = {.name = hash},
                      .spec = {.controller = std::string(controller),
                               .object = std::string(object),
                               .reason = std::string(reason),
                               .steps = given && !given->spec.steps.empty() ? given->spec.steps : steps,
                               .approved = given != nullptr,
                               .approved_seen = given ? api::codec::FormatTime(clock_.Now()) : ""}};
  if (given) {
    // One that was given in advance learns here what it is about, so that it holds until all of its steps have run.
    if (!given->spec.approved_seen.empty()) return true;
    if (given->metadata.name != hash) return true;
    auto put = Put(client_, want, As(controller));
    return put ? Expected<bool>(true) : put.error();
  }
  if (asked) return false;
  // Never over one that is there: an operator may have approved it a moment ago.
  auto made = client_.Create(api::codec::ToObject(want), As(controller));
  if (made) return false;
  if (made.error().code != api::Code::kAlreadyExists) return made.error();
  return api::Error{api::Code::kConflict, "ApprovalChanged", "an approval was written in this moment"};
}

Expected<void> Approvals::Settle(std::string_view controller, std::string_view object) {
  auto all = All();
  if (!all) return all.error();
  for (const Approval& approval : *all) {
    if (!IsOf(approval, controller, object) && !IsLapsed(approval)) continue;
    if (auto removed = Remove(approval, controller); !removed) return removed;
  }
  return {};
}

/// They are few: what waits for a person. From the API itself, for a cache could still show one that is spent. One that
/// cannot be read is none.
Expected<std::vector<Approval>> Approvals::All() const {
  auto list = client_.List(api::ResourceName(Approval::kInfo));
  if (!list) return list.error();
  std::vector<Approval> approvals;
  for (const SnapshotPtr& snapshot : list->items) {
    auto object = api::codec::ParseObject(snapshot->text);
    if (!object) continue;
    auto approval = api::codec::FromObject<Approval>(*object);
    if (approval) approvals.push_back(*std::move(approval));
  }
  return approvals;
}

bool Approvals::IsLapsed(const Approval& approval) const {
  if (!approval.spec.approved) return false;
  // A question may have waited for long before it was answered; an answer in advance is as old as its object.
  const auto seen = api::codec::ParseTime(approval.spec.approved_seen);
  const bool is_question = !approval.spec.controller.empty();
  if (!seen && is_question) return false;
  const auto since = seen ? std::optional(*seen) : approval.metadata.creation_timestamp;
  return since && clock_.Now() - *since > kLapsesAfter;
}

Expected<void> Approvals::Remove(const Approval& approval, std::string_view controller) {
  auto removed =
      ApplyRemove(client_, {{api::ResourceName(Approval::kInfo), "", approval.metadata.name}, approval.metadata.uid},
                  As(controller));
  if (!removed) return removed.error();
  return {};
}

}  // namespace reconciler
