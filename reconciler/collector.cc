#include "reconciler/collector.h"

#include <algorithm>
#include <utility>

#include "api/codec/object.h"
#include "host/log.h"

namespace reconciler {

void Collector::Connect() {
  for (const auto& kind : catalog_.kinds()) {
    if (kind->resource() == "events") continue;  // They own nothing and nobody owns them.
    if (kind->is_review) continue;               // Never stored.
    if (kind->is_foreign) continue;              // An informer stays, and such a kind may go.
    informers_.Of(kind->resource()).AddHandler([this](const SnapshotPtr& before, const SnapshotPtr& after) {
      OnChange(before, after);
    });
  }
}

void Collector::OnChange(const SnapshotPtr& before, const SnapshotPtr& after) {
  std::lock_guard lock(mutex_);
  if (before && (!after || before->uid != after->uid)) gone_.insert(before->uid.value);
  if (after && !after->owners.empty() && (!before || before->owners != after->owners)) suspects_.insert(after->key);
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
  std::set<api::ObjectKey> suspects;
  std::set<std::string> gone;
  {
    std::lock_guard lock(mutex_);
    suspects = std::exchange(suspects_, {});
    gone = std::exchange(gone_, {});
  }
  for (const std::string& uid : gone)
    for (const auto& [resource, informer] : informers_.all())
      for (const SnapshotPtr& child : informer->ListOwned({uid})) suspects.insert(child->key);
  std::size_t collected = 0;
  for (const api::ObjectKey& key : suspects) collected += Collect(key) ? 1 : 0;
  return collected;
}

/// Asks the API itself, for the caches of two kinds may be of different times.
bool Collector::Collect(const api::ObjectKey& key) {
  auto current = client_.Get(key);
  if (!current || (*current)->is_deleting || (*current)->owners.empty()) return false;
  auto object = api::codec::ParseObject((*current)->text);
  if (!object) return false;
  const auto& owners = object->metadata.owner_references;
  if (!std::all_of(owners.begin(), owners.end(),
                   [&](const api::OwnerReference& owner) { return IsGone(owner, key.namespace_); }))
    return false;
  // Exactly this state of it: somebody may be adopting it.
  auto removed = client_.Delete(
      key, {.actor = "system:collector", .uid = (*current)->uid, .resource_version = (*current)->resource_version});
  host::log::Info("collected", {{"object", ToString(key)},
                                {"owner", owners.front().kind + " " + owners.front().name},
                                {"outcome", removed ? "done" : removed.error().message}});
  if (removed) return true;
  if (removed.error().code == api::Code::kNotFound) return false;
  std::lock_guard lock(mutex_);
  suspects_.insert(key);
  return false;
}

bool Collector::IsGone(const api::OwnerReference& owner, const std::string& namespace_) const {
  const api::schema::KindPtr kind = catalog_.FindKind(owner.api_version, owner.kind);
  if (!kind) return false;
  auto found = client_.Get({kind->resource(), kind->is_namespaced ? namespace_ : "", owner.name});
  return found ? (*found)->uid != owner.uid : found.error().code == api::Code::kNotFound;
}

}  // namespace reconciler
