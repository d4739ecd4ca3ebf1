#include "reconciler/collector.h"

#include <algorithm>
#include <utility>

#include "api/codec/object.h"
#include "host/log.h"
#include "reconciler/finalizers.h"

namespace reconciler {
namespace {

constexpr std::string_view kNamespaces = "namespaces";
constexpr std::string_view kActor = "system:collector";
constexpr std::size_t kChangesMax = 300;  // Of one owner or namespace in one call: some tenths of a second.

/// Events, in both spellings, own nothing and nobody owns them; reviews are never stored. A third party may call a kind
/// of its own events, too.
bool CanOwn(const api::schema::Kind& kind) {
  const std::string resource = kind.resource();
  return resource != "events" && resource != "events.events.k8s.io" && !kind.is_review;
}

void DropOwners(api::Object& object, const auto& is_unwanted) {
  std::erase_if(object.metadata.owner_references, is_unwanted);
}

}  // namespace

void Collector::Connect() {
  for (const auto& kind : catalog_.kinds()) {
    if (!CanOwn(*kind) || kind->is_foreign) continue;  // An informer stays, and a foreign kind may go.
    informers_.Of(kind->resource()).AddHandler([this](const SnapshotPtr& before, const SnapshotPtr& after) {
      OnChange(before, after);
    });
  }
}

void Collector::OnChange(const SnapshotPtr& before, const SnapshotPtr& after) {
  std::lock_guard lock(mutex_);
  if (before && (!after || before->uid != after->uid)) gone_.insert(before->uid.value);
  if (after && !after->owners.empty() && (!before || before->owners != after->owners)) suspects_.insert(after->key);
  if (after && after->awaits_collector) waiting_.insert(after->key);
}

/// Kinds that clients declared have no informer: what there is of them is compared with what was.
void Collector::LookAtLateKinds() {
  std::map<api::ObjectKey, SnapshotPtr> now;
  for (const auto& kind : catalog_.kinds()) {
    if (!CanOwn(*kind) || informers_.Find(kind->resource())) continue;
    auto list = client_.List(kind->resource());
    if (!list) continue;
    for (SnapshotPtr& item : list->items) now.emplace(item->key, std::move(item));
  }
  std::map<api::ObjectKey, SnapshotPtr> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(late_, now);
  }
  for (const auto& [key, item] : before)
    if (!now.contains(key)) OnChange(item, nullptr);
  for (const auto& [key, item] : now) {
    const auto old = before.find(key);
    OnChange(old == before.end() ? nullptr : old->second, item);
  }
}

bool Collector::IsSynced() const {
  const auto kinds = catalog_.kinds();
  return std::all_of(kinds.begin(), kinds.end(), [&](const auto& kind) {
    const Informer* informer = informers_.Find(kind->resource());
    return !informer || informer->is_synced();
  });
}

std::size_t Collector::Step() {
  if (!IsSynced()) return 0;
  LookAtLateKinds();
  std::set<api::ObjectKey> suspects;
  std::set<api::ObjectKey> waiting;
  std::set<std::string> gone;
  {
    std::lock_guard lock(mutex_);
    suspects = std::exchange(suspects_, {});
    gone = std::exchange(gone_, {});
    waiting = waiting_;
    for (const auto& [key, item] : late_)
      if (std::any_of(item->owners.begin(), item->owners.end(),
                      [&](const auto& uid) { return gone.contains(uid.value); }))
        suspects.insert(key);
  }
  for (const std::string& uid : gone)
    for (const auto& [resource, informer] : informers_.all())
      for (const SnapshotPtr& child : informer->ListOwned({uid})) suspects.insert(child->key);
  std::size_t changed = 0;
  for (const api::ObjectKey& key : suspects) changed += Collect(key) ? 1 : 0;
  for (const api::ObjectKey& key : waiting) changed += Settle(key);
  return changed;
}

/// Asks the API itself, for the caches of two kinds may be of different times.
bool Collector::Collect(const api::ObjectKey& key) {
  auto current = client_.Get(key);
  if (!current || (*current)->is_deleting || (*current)->owners.empty()) return false;
  auto object = api::codec::ParseObject((*current)->text);
  if (!object) return false;
  const auto is_gone = [&](const api::OwnerReference& owner) { return IsGone(owner, key.namespace_); };
  const auto owners = object->metadata.owner_references;
  const auto gone = std::count_if(owners.begin(), owners.end(), is_gone);
  if (gone == 0) return false;
  bool is_done = false;
  if (gone < std::ptrdiff_t(owners.size())) {
    DropOwners(*object, is_gone);
    is_done = Update(*object);
  } else {
    // Exactly this state of it: somebody may be adopting it.
    auto removed = client_.Delete(
        key, {.actor = std::string(kActor), .uid = (*current)->uid, .resource_version = (*current)->resource_version});
    host::log::Info("collected", {{"object", ToString(key)},
                                  {"owner", owners.front().kind + " " + owners.front().name},
                                  {"outcome", removed ? "done" : removed.error().message}});
    if (!removed && removed.error().code == api::Code::kNotFound) return false;
    is_done = removed.has_value();
  }
  if (is_done) return true;
  const std::lock_guard lock(mutex_);
  suspects_.insert(key);
  return false;
}

api::Expected<SnapshotPtr> Collector::Find(const api::OwnerReference& owner, const std::string& namespace_) const {
  const api::schema::KindPtr kind = catalog_.FindKind(owner.api_version, owner.kind);
  if (!kind) return api::Error{api::Code::kUnavailable, "UnknownKind", owner.kind + " is not served"};
  return client_.Get({kind->resource(), kind->is_namespaced ? namespace_ : "", owner.name});
}

bool Collector::IsGone(const api::OwnerReference& owner, const std::string& namespace_) const {
  auto found = Find(owner, namespace_);
  return found ? (*found)->uid != owner.uid : found.error().code == api::Code::kNotFound;
}

/// Whether the owner is going itself, and waits for its dependents.
bool Collector::IsWaiting(const api::OwnerReference& owner, const std::string& namespace_) const {
  auto found = Find(owner, namespace_);
  auto object = found && (*found)->awaits_collector ? api::codec::ParseObject((*found)->text)
                                                    : api::Expected<api::Object>(api::Error{});
  return object && HasFinalizer(object->metadata, kForegroundFinalizer);
}

/// Does a part of what an object waits for, and takes the finalizer off when there is nothing left to do.
std::size_t Collector::Settle(const api::ObjectKey& key) {
  auto current = client_.Get(key);
  auto object = current && (*current)->awaits_collector ? api::codec::ParseObject((*current)->text)
                                                        : api::Expected<api::Object>(api::Error{});
  if (!object) {
    const std::lock_guard lock(mutex_);
    waiting_.erase(key);
    return 0;
  }
  std::size_t changed = 0;
  bool is_done = false;
  std::string_view finalizer = kContentsFinalizer;
  if (HasFinalizer(object->metadata, kOrphanFinalizer)) {
    finalizer = kOrphanFinalizer;
    changed = LeaveDependents(*object, is_done);
  } else if (HasFinalizer(object->metadata, kForegroundFinalizer)) {
    finalizer = kForegroundFinalizer;
    changed = DeleteDependents(*object, is_done);
  } else if (key.resource == kNamespaces) {
    changed = EmptyNamespace(key.name, is_done);
  } else {
    is_done = true;  // Of a kind that holds nothing: anybody may have written that finalizer.
  }
  if (!is_done) return changed;
  std::erase(object->metadata.finalizers, finalizer);
  return changed + (Update(*object) ? 1 : 0);
}

/// Deletes what the owner owns; done when none is left that blocks it.
std::size_t Collector::DeleteDependents(const api::Object& owner, bool& is_done) {
  std::size_t changed = 0;
  const auto dependents = DependentsOf(owner.metadata.uid);
  if (!dependents) return 0;
  is_done = true;
  for (const SnapshotPtr& child : *dependents) {
    auto object = api::codec::ParseObject(child->text);
    if (!object) continue;
    const auto& owners = object->metadata.owner_references;
    const auto& above = owner.metadata.owner_references;
    const bool is_circle =  // Each would wait for the other.
        std::any_of(above.begin(), above.end(), [&](const auto& one) { return one.uid == child->uid; });
    const bool is_blocking =
        !is_circle && std::any_of(owners.begin(), owners.end(), [&](const api::OwnerReference& one) {
          return one.uid == owner.metadata.uid && one.blocks_owner_deletion;
        });
    is_done = is_done && !is_blocking;
    if (!child->is_deleting && changed < kChangesMax) changed += DeleteDependent(child, *object, owner) ? 1 : 0;
  }
  return changed;
}

/// An owner that stays keeps the child: then it only loses this one.
bool Collector::DeleteDependent(const SnapshotPtr& child, const api::Object& object, const api::Object& owner) {
  const std::string& namespace_ = child->key.namespace_;
  const auto is_going = [&](const api::OwnerReference& one) {
    return one.uid == owner.metadata.uid || IsGone(one, namespace_) || IsWaiting(one, namespace_);
  };
  const auto& owners = object.metadata.owner_references;
  if (!std::all_of(owners.begin(), owners.end(), is_going)) {
    api::Object kept = object;
    DropOwners(kept, is_going);
    return Update(kept);
  }
  DeleteOptions options{.actor = std::string(kActor), .uid = child->uid, .resource_version = child->resource_version};
  if (const auto below = DependentsOf(child->uid); below && !below->empty())
    options.propagation = Propagation::kForeground;
  return client_.Delete(child->key, options).has_value();
}

/// Takes the owner off what it owns; done when nothing names it any more.
std::size_t Collector::LeaveDependents(const api::Object& owner, bool& is_done) {
  std::size_t changed = 0;
  const auto dependents = DependentsOf(owner.metadata.uid);
  if (!dependents) return 0;
  for (const SnapshotPtr& child : *dependents) {
    auto object = api::codec::ParseObject(child->text);
    if (!object || changed == kChangesMax) continue;
    DropOwners(*object, [&](const api::OwnerReference& one) { return one.uid == owner.metadata.uid; });
    changed += Update(*object) ? 1 : 0;
  }
  is_done = dependents->empty();
  return changed;
}

std::size_t Collector::EmptyNamespace(const std::string& name, bool& is_done) {
  std::size_t changed = 0;
  is_done = true;
  for (const auto& kind : catalog_.kinds()) {
    if (!kind->is_namespaced || kind->is_review) continue;
    const auto list = client_.List(kind->resource(), name);
    is_done = is_done && list && list->items.empty();
    if (!list) continue;
    for (const SnapshotPtr& item : list->items)
      if (!item->is_deleting && changed < kChangesMax)
        changed += client_.Delete(item->key, {.actor = std::string(kActor), .uid = item->uid}) ? 1 : 0;
  }
  return changed;
}

/// From the API, not from the caches: what they have not seen yet would be taken for gone.
api::Expected<std::vector<SnapshotPtr>> Collector::DependentsOf(const api::Uid& owner) const {
  std::vector<SnapshotPtr> dependents;
  for (const auto& kind : catalog_.kinds()) {
    if (!CanOwn(*kind)) continue;
    auto list = client_.List(kind->resource());
    if (!list && list.error().code == api::Code::kNotFound) continue;  // A kind that has just gone.
    if (!list) return list.error();
    for (SnapshotPtr& item : list->items)
      if (std::find(item->owners.begin(), item->owners.end(), owner) != item->owners.end())
        dependents.push_back(std::move(item));
  }
  return dependents;
}

bool Collector::Update(const api::Object& object) const {
  return client_.Update(object, {.actor = std::string(kActor)}).has_value();
}

}  // namespace reconciler
