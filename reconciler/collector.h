#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "api/schema/schema.h"
#include "reconciler/client.h"
#include "reconciler/informer.h"

namespace reconciler {

/// Removes objects all of whose owners are gone, and takes owners that are gone off those that have others. It looks
/// from complete, synced lists of every kind, and asks the API once more for each owner before it removes anything. An
/// owner of a kind that is not served here counts as there: unknown is not absent. It also does what the finalizers of
/// finalizers.h wait for: dependents go first, or lose their owner, and what is in a Namespace goes. Thread-safe.
class Collector {
 public:
  /// All outlive this.
  Collector(Client& client, Informers& informers, const api::schema::Catalog& catalog)
      : client_(client), informers_(informers), catalog_(catalog) {}

  /// Hooks it to the informers of all kinds. Before their first Step.
  void Connect();

  /// Looks at what changed since the last call, at everything the first time. The number of objects changed or removed,
  /// of which a few hundred are enough for one call; none before every list is in. What cannot be done is tried by the
  /// next call.
  std::size_t Step();

 private:
  void OnChange(const SnapshotPtr& before, const SnapshotPtr& after);
  bool IsSynced() const;
  void LookAtLateKinds();
  bool Collect(const api::ObjectKey& key);
  bool IsGone(const api::OwnerReference& owner, const std::string& namespace_) const;
  bool IsWaiting(const api::OwnerReference& owner, const std::string& namespace_) const;
  api::Expected<SnapshotPtr> Find(const api::OwnerReference& owner, const std::string& namespace_) const;
  std::size_t Settle(const api::ObjectKey& key);
  std::size_t DeleteDependents(const api::Object& owner, bool& is_done);
  bool DeleteDependent(const SnapshotPtr& child, const api::Object& object, const api::Object& owner);
  std::size_t LeaveDependents(const api::Object& owner, bool& is_done);
  std::size_t EmptyNamespace(const std::string& name, bool& is_done);
  api::Expected<std::vector<SnapshotPtr>> DependentsOf(const api::Uid& owner) const;
  bool Update(const api::Object& object) const;

  Client& client_;
  Informers& informers_;
  const api::schema::Catalog& catalog_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::set<api::ObjectKey> suspects_;           // Objects with owners that appeared or changed.
  std::set<std::string> gone_;                  // Uids of objects that were removed: what they owned is suspect.
  std::set<api::ObjectKey> waiting_;            // Objects that are being deleted and have a finalizer of ours.
  std::map<api::ObjectKey, SnapshotPtr> late_;  // Objects of kinds that have no informer.
};

}  // namespace reconciler
