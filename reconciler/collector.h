#pragma once

#include <cstddef>
#include <mutex>
#include <set>
#include <string>

#include "api/schema/schema.h"
#include "reconciler/client.h"
#include "reconciler/informer.h"

namespace reconciler {

/// Removes objects all of whose owners are gone. It looks from complete, synced lists of every kind, and asks the API
/// once more for each owner before it removes anything. An owner of a kind that is not served here counts as there:
/// unknown is not absent. Thread-safe.
class Collector {
 public:
  /// All outlive this.
  Collector(Client& client, Informers& informers, const api::schema::Catalog& catalog)
      : client_(client), informers_(informers), catalog_(catalog) {}

  /// Hooks it to the informers of all kinds. Before their first Step.
  void Connect();

  /// Looks at what changed since the last call, at everything the first time. The number of objects removed; none
  /// before every list is in. What cannot be removed is tried by the next call.
  std::size_t Step();

 private:
  void OnChange(const SnapshotPtr& before, const SnapshotPtr& after);
  bool IsSynced() const;
  bool Collect(const api::ObjectKey& key);
  bool IsGone(const api::OwnerReference& owner, const std::string& namespace_) const;

  Client& client_;
  Informers& informers_;
  const api::schema::Catalog& catalog_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::set<api::ObjectKey> suspects_;  // Objects with owners that appeared or changed.
  std::set<std::string> gone_;         // Uids of objects that were removed: what they owned is suspect.
};

}  // namespace reconciler
