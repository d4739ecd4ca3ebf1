#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/clock.h"
#include "reconciler/client.h"
#include "reconciler/sources.h"

namespace reconciler {

struct InformerOptions {
  /// How often the cache is compared with a list. A watch that ended silently would leave it behind for ever, with
  /// nothing ready and nobody told; client-go ends each watch after 5 to 10 min for the same reason.
  std::chrono::milliseconds verify_every{std::chrono::minutes(5)};
};

struct InformerStats {
  std::string resource{};
  std::size_t objects = 0;
  std::chrono::milliseconds verified_ago{};  ///< Since the cache was last known to be complete.
  std::int64_t stale_found = 0;              ///< Verifications that found what the watch had not told.
};

/// Keeps one kind in memory by list and watch, and tells handlers what changed. Objects are shared with the store, so a
/// cache costs a map. Thread-safe.
class Informer {
 public:
  /// Called after the cache has the change, in order of revision, by whichever thread steps. `before` is null for a new
  /// object, `after` for one that is gone (with the last state known in `before`). Must be quick: it holds up the
  /// stream.
  using Handler = std::function<void(const SnapshotPtr& before, const SnapshotPtr& after)>;

  /// Client and clock outlive this.
  Informer(Client& client, const host::Clock& clock, std::string resource, InformerOptions options = {});

  /// Before the first Step. A handler hears of every object of the initial list.
  void AddHandler(Handler handler);
  /// Before the first Step. A second one of that name replaces the first.
  void AddIndex(const IndexedBy& index);

  /// Takes in all changes there are, listing first when it has not, when the watch was lost, or when the cache has to
  /// be verified. Errors: those of List and OpenWatch; the cache stays as it was.
  api::Expected<void> Step();

  /// Steps until the cache has `revision`, which is one of this kind's. Errors: kTimeout when nothing comes for `wait`.
  api::Expected<void> CatchUp(api::ResourceVersion revision, std::chrono::milliseconds wait);

  /// Passed on to each watch, and called once for the present one: see Watch::SetNotify. Not from within a handler.
  void SetNotify(std::function<void()> notify);

  bool is_synced() const;
  const std::string& resource() const { return resource_; }

  api::Expected<SnapshotPtr> Get(std::string_view namespace_, std::string_view name) const;
  std::vector<SnapshotPtr> List(std::string_view namespace_ = "") const;
  std::vector<SnapshotPtr> ListOwned(const api::Uid& owner) const;
  /// Errors: kInternal when there is no such index.
  api::Expected<std::vector<SnapshotPtr>> ListBy(std::string_view index, std::string_view value) const;
  /// Whether that index would know `snapshot` by `value`, whatever the cache has.
  bool IsKnownBy(std::string_view index, std::string_view value, const Snapshot& snapshot) const;
  InformerStats Stats() const;

 private:
  using Name = std::pair<std::string, std::string>;  // Namespace, name.
  using ByValue = std::map<std::string, std::map<Name, SnapshotPtr>, std::less<>>;

  api::Expected<void> Relist();
  api::Expected<void> VerifyIfDue();
  void Apply(const Event& event);
  bool IsBehind(const ObjectList& list) const;
  void Change(const Name& name, const SnapshotPtr& after, api::ResourceVersion revision);
  void Reindex(const Name& name, const SnapshotPtr& before, const SnapshotPtr& after);

  Client& client_;            // Thread-safe.
  const host::Clock& clock_;  // Thread-safe.
  const std::string resource_;
  const InformerOptions options_;
  std::map<std::string, IndexedBy, std::less<>> indexes_;  // Constant after the first Step.

  std::mutex step_mutex_;  // Held through a step, handlers included: changes reach them in order.
  // Guarded by step_mutex_.
  std::vector<Handler> handlers_;
  std::unique_ptr<Watch> watch_;
  std::function<void()> notify_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<Name, SnapshotPtr> objects_;
  ByValue owned_;                                        // By the owner's uid.
  std::map<std::string, ByValue, std::less<>> indexed_;  // By the index's name.
  std::chrono::steady_clock::time_point verified_at_{};
  std::int64_t stale_found_ = 0;
  api::ResourceVersion revision_{};
  api::ResourceVersion awaited_{};  // The newest that somebody waited for in vain.
  bool is_synced_ = false;
};

/// The informers of all kinds that somebody watches. Filled before the first Step, thread-safe from then on.
class Informers {
 public:
  Informers(Client& client, const host::Clock& clock) : client_(client), clock_(clock) {}

  /// The informer of a kind, made when nobody asked before.
  Informer& Of(std::string_view resource);
  /// Null when nobody watches that kind.
  const Informer* Find(std::string_view resource) const;
  Informer* Find(std::string_view resource);
  const std::map<std::string, std::unique_ptr<Informer>, std::less<>>& all() const { return informers_; }

  /// Steps every one. Errors: the first of them; the others are stepped all the same.
  api::Expected<void> Step();

  /// Steps whenever one has something to say, until stop is requested. An informer that fails is tried again every
  /// second.
  void Run(std::stop_token stop);

 private:
  Client& client_;            // Thread-safe; outlives this.
  const host::Clock& clock_;  // Thread-safe; outlives this.
  std::map<std::string, std::unique_ptr<Informer>, std::less<>> informers_;
};

}  // namespace reconciler
