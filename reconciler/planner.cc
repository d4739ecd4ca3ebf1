#include "reconciler/planner.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "api/codec/object.h"
#include "reconciler/cache_reader.h"
#include "reconciler/finalizers.h"
#include "reconciler/guard.h"
#include "reconciler/object_steps.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::ObjectKey;

constexpr std::size_t kObjectsMax =
    100'000;  // As many as the store is made for; more would be a controller that makes up objects.

/// The cache with what planned object steps would have changed.
class OverlayReader final : public Reader {
 public:
  OverlayReader(const CacheReader& base, const Informers& informers) : base_(base), informers_(informers) {}

  void Set(const ObjectKey& key, SnapshotPtr snapshot) { changed_[key] = std::move(snapshot); }

  std::optional<TaskState> FindTask(const api::Uid& object, std::string_view step_id) const override {
    return base_.FindTask(object, step_id);
  }

  void Watch(const HostDirectory&) const override {}

  Expected<SnapshotPtr> Find(const ObjectKey& key) const override {
    const auto found = changed_.find(key);
    if (found == changed_.end()) return base_.Find(key);
    if (!found->second) return Error{Code::kNotFound, "NotFound", ToString(key) + " would be removed"};
    return found->second;
  }

  Expected<std::vector<SnapshotPtr>> FindAll(std::string_view resource, std::string_view namespace_) const override {
    return Overlay(base_.FindAll(resource, namespace_), resource, [&](const Snapshot& snapshot) {
      return namespace_.empty() || snapshot.key.namespace_ == namespace_;
    });
  }

  Expected<std::vector<SnapshotPtr>> FindBy(std::string_view resource, std::string_view index,
                                            std::string_view value) const override {
    return Overlay(base_.FindBy(resource, index, value), resource, [&](const Snapshot& snapshot) {
      return informers_.Find(resource)->IsKnownBy(index, value, snapshot);
    });
  }

  Expected<std::vector<SnapshotPtr>> FindOwned(std::string_view resource, const api::Uid& owner) const override {
    return Overlay(base_.FindOwned(resource, owner), resource, [&](const Snapshot& snapshot) {
      return std::find(snapshot.owners.begin(), snapshot.owners.end(), owner) != snapshot.owners.end();
    });
  }

 private:
  template <class Matches>
  Expected<std::vector<SnapshotPtr>> Overlay(Expected<std::vector<SnapshotPtr>> found, std::string_view resource,
                                             const Matches& matches) const {
    if (!found) return found;
    std::erase_if(*found, [&](const SnapshotPtr& snapshot) { return changed_.contains(snapshot->key); });
    for (const auto& [key, snapshot] : changed_)
      if (key.resource == resource && snapshot && matches(*snapshot)) found->push_back(snapshot);
    std::sort(found->begin(), found->end(), [](const SnapshotPtr& a, const SnapshotPtr& b) { return a->key < b->key; });
    return found;
  }

  const CacheReader& base_;
  const Informers& informers_;
  std::map<ObjectKey, SnapshotPtr> changed_;  // Null: removed.
};

class Planner {
 public:
  Planner(const Engine& engine, const std::vector<std::unique_ptr<Loop>>& loops)
      : engine_(engine), cache_(engine.informers, engine.tasks), overlay_(cache_, engine.informers) {
    for (const auto& loop : loops) loops_[loop->resource()].push_back(loop.get());
  }

  void Enqueue(const ObjectKey& key) {
    if (seen_.size() < kObjectsMax && seen_.insert(key).second) waiting_.push_back(key);
  }

  PlanReport Run() {
    while (!waiting_.empty()) {
      const ObjectKey key = waiting_.front();
      waiting_.pop_front();
      for (const Loop* loop : loops_[key.resource]) PlanObject(*loop, key);
    }
    return std::move(report_);
  }

 private:
  void PlanObject(const Loop& loop, const ObjectKey& key) {
    const std::string& controller = loop.options().name;
    auto snapshot = overlay_.Find(key);
    if (!snapshot) return;  // A step before this one would remove it.
    auto object = api::codec::ParseObject((*snapshot)->text);
    if (!object) return AddProblem(controller, key, object.error());
    if (SuspensionOf(*object, engine_.clock.Now())) return;
    if (object->metadata.is_deleting() && !loop.finalizer().empty() &&
        !HasFinalizer(object->metadata, kOrphanFinalizer)) {
      const Children children = ChildrenOf(*object, engine_.informers);
      AddSteps(controller, key, children.removals, {});
      report_.is_incomplete = report_.is_incomplete || children.is_any_left;
      if (children.is_any_left) return;  // What is undone after them is planned when they are gone.
    }
    auto look = loop.controller().Observe(*object, overlay_);
    if (!look) return AddProblem(controller, key, look.error());

    const Plan plan = (*look)->Diff(engine_.clock.Now());
    report_.is_incomplete = report_.is_incomplete || plan.more;
    for (const Error& problem : plan.problems) AddProblem(controller, key, problem);
    AddSteps(controller, key, plan.chains, WaitingSteps(controller, key, *object, plan.chains));
  }

  /// The guarded ones, unless an operator has approved them.
  std::vector<const Step*> WaitingSteps(const std::string& controller, const ObjectKey& key, const api::Object& object,
                                        const std::vector<Chain>& chains) {
    auto guarded = GuardedSteps(chains, engine_.informers);
    if (guarded.empty()) return guarded;
    const auto held = AsHeld(guarded, controller, object);
    const auto approved = engine_.approvals.IsApproved(controller, NameOf(object), held);
    if (!approved) AddProblem(controller, key, approved.error());
    if (approved && *approved) return {};
    report_.approvals.push_back({controller, key, HashOf(held), guarded.size()});
    return guarded;
  }

  void AddSteps(const std::string& controller, const ObjectKey& key, const std::vector<Chain>& chains,
                const std::vector<const Step*>& guarded) {
    for (std::size_t chain = 0; chain < chains.size(); ++chain) {
      for (const Step& step : chains[chain].steps) {
        if (step.text.is_upkeep) continue;  // A poll that is due is no change to wait for.
        const bool is_guarded = std::find(guarded.begin(), guarded.end(), &step) != guarded.end();
        report_.steps.push_back({controller, key, chain, is_guarded, step.text});
        Foresee(controller, key, step);
      }
    }
  }

  /// Puts into the overlay what an object step would leave behind, and plans on from there.
  void Foresee(const std::string& controller, const ObjectKey& planned_for, const Step& step) {
    const WriteOptions options{.actor = "system:planner", .is_dry_run = true, .is_foreseen = true};
    Expected<Written> written = Error{};
    ObjectKey key;
    if (const auto* put = std::get_if<PutObject>(&step.effect)) {
      key = put->key;
      written = ApplyPut(engine_.client, *put, options);
    } else if (const auto* remove = std::get_if<RemoveObject>(&step.effect)) {
      key = remove->key;
      written = ApplyRemove(engine_.client, *remove, options);
    } else {
      return;
    }
    if (!written) return AddProblem(controller, planned_for, written.error());
    overlay_.Set(key, written->is_removed ? nullptr : written->object);
    Enqueue(key);
  }

  void AddProblem(const std::string& controller, const ObjectKey& key, Error error) {
    report_.problems.push_back({controller, key, std::move(error)});
  }

  const Engine& engine_;
  const CacheReader cache_;
  OverlayReader overlay_;
  std::map<std::string, std::vector<const Loop*>> loops_;
  std::deque<ObjectKey> waiting_;
  std::set<ObjectKey> seen_;
  PlanReport report_;
};

}  // namespace

Expected<PlanReport> MakePlan(const Engine& engine, const std::vector<std::unique_ptr<Loop>>& loops,
                              const PlanQuery& query) {
  Planner planner(engine, loops);
  bool is_found = query.name.empty();
  for (const auto& loop : loops) {
    if (!query.resource.empty() && query.resource != loop->resource()) continue;
    for (const SnapshotPtr& snapshot : engine.informers.Find(loop->resource())->List(query.namespace_)) {
      if (!query.name.empty() && query.name != snapshot->key.name) continue;
      is_found = true;
      planner.Enqueue(snapshot->key);
    }
  }
  if (!is_found) return Error{Code::kNotFound, "NotFound", query.resource + " \"" + query.name + "\" not found"};
  return planner.Run();
}

}  // namespace reconciler
