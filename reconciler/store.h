#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "host/clock.h"
#include "reconciler/client.h"
#include "reconciler/quota.h"
#include "reconciler/seconds_histogram.h"
#include "reconciler/snapshot.h"
#include "reconciler/watch.h"

namespace reconciler {

/// A state to be written: text with a gap for the revision, which only the commit knows.
struct Draft {
  Snapshot snapshot{};          ///< `text` has `"resourceVersion":""` in its metadata.
  std::size_t revision_at = 0;  ///< Offset in text where the digits go.
};

/// The fields of an object that are looked at without its text; `text` stays empty.
Snapshot SnapshotOf(const api::ObjectKey& key, const api::Object& object);

/// The draft of an object's next state.
Draft MakeDraft(const api::ObjectKey& key, const api::Object& object);

/// One write: the draft becomes the state of its key, or its last one when it is removed by that.
struct Mutation {
  Draft draft{};
  bool is_removal = false;
  api::ResourceVersion expected{};  ///< The state it was made from; 0 = the key must not exist.
  std::optional<Quota> quota{};     ///< Of the key's namespace; none: without bound.
};

struct StoreOptions {
  std::string path{};              ///< Of the database file; `:memory:` in tests.
  std::size_t history_max = 2000;  ///< Revisions that a watch can go back. Kubernetes keeps about as many.
  /// Of their objects' texts; beyond it a watch can go back less far. 2 000 of 32 KiB: an object of ours has 2.
  std::size_t history_bytes_max = 64u << 20;
  std::size_t watch_queue_max =
      4096;                     ///< Events a watch may lag behind; beyond it the stream is ended. Above history_max.
  std::size_t batch_max = 128;  ///< Mutations in one commit; beyond 64 only latency grows (docs/adr/0003).
  const host::Clock* clock = nullptr;  ///< Outlives the store; null: transactions are not timed.
};

/// What the store holds and has done so far, for metrics.
struct StoreStats {
  std::size_t objects = 0;
  api::ResourceVersion revision{};
  std::int64_t file_bytes = 0;  ///< Of the database and its write-ahead log; 0 in memory.
  std::size_t history = 0;      ///< Events kept for watches that come later.
  std::size_t watches = 0;
  std::size_t superseded = 0;        ///< Rows on disk that compaction has before it or may not drop yet.
  std::uint64_t commits = 0;         ///< Transactions; each carries the writes of all who came together.
  std::uint64_t failed_commits = 0;  ///< Of which nothing was written or acknowledged.
  std::string failing{};  ///< The reason of the newest transaction if it failed; empty: the disk takes writes.
  std::uint64_t compaction_slices = 0;
  /// How long transactions took, by the reason of those that failed; empty: done.
  std::map<std::string, SecondsHistogram> transactions{};
};

/// A revisioned map of objects on SQLite: durable before it is acknowledged, read from memory. Thread-safe.
/// Writers that come together share one commit: the first of them commits for all that have queued up meanwhile.
class Store {
 public:
  /// Opens or creates the file and locks it for this process. Errors: kUnavailable with what to do: another herod holds
  /// it, it is from a newer version, it is damaged.
  static api::Expected<std::unique_ptr<Store>> Open(StoreOptions options);
  ~Store();

  api::Expected<SnapshotPtr> Get(const api::ObjectKey& key) const;
  ObjectList List(std::string_view resource, std::string_view namespace_) const;
  api::ResourceVersion revision() const;

  /// Returns once the write is on disk. Errors: kConflict (another state than expected), kAlreadyExists, kNotFound,
  /// kForbidden (beyond the quota), kUnavailable (disk full or broken: nothing was written).
  api::Expected<SnapshotPtr> Commit(Mutation mutation);

  /// The same for several, in this order and in as few commits as there can be. One that is refused holds up no other;
  /// the results are in the order of the mutations.
  std::vector<api::Expected<SnapshotPtr>> CommitAll(std::vector<Mutation> mutations);

  /// Drops one slice of what no watch and no restart needs, or gives one slice of the file's free pages back: for the
  /// time when nobody writes, once a second. Writers wait meanwhile, some 10 ms. True when there is more to do. A full
  /// or broken disk leaves all as it is.
  bool Compact();

  StoreStats Stats() const;

  /// Whether `next` could be stored now without going beyond `quota`: for dry runs. Errors: kForbidden.
  api::Expected<void> CheckQuota(const Snapshot& next, const Quota& quota) const;

  /// Errors: kExpired when `from` is older than the kept history or newer than the store.
  api::Expected<std::unique_ptr<Watch>> OpenWatch(std::string_view resource, api::ResourceVersion from);

 private:
  class Impl;
  class StoreWatch;
  explicit Store(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  ///< Shared with the watches, which may outlive the store.
};

}  // namespace reconciler
