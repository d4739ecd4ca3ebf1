#include "reconciler/store.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "api/codec/object.h"
#include "reconciler/database.h"
#include "reconciler/event_queue.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::ObjectKey;
using api::ResourceVersion;

/// Kine's buckets.
constexpr std::array kSqlBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2,  0.25, 0.3,  0.35, 0.4, 0.45,
                                   0.5,   0.6,  0.7,   0.8,  0.9, 1.0,  1.5,  2.0,  2.5,  3.0,  3.5, 4.0,
                                   4.5,   5.0,  6.0,   7.0,  8.0, 9.0,  10.0, 15.0, 20.0, 25.0, 30.0};

SnapshotPtr Finish(Draft draft, std::int64_t revision) {
  draft.snapshot.resource_version = {revision};
  // Copied to its exact size: inserted in place the text would keep twice its length for the life of the object.
  const std::string digits = std::to_string(revision);
  const std::string_view made = draft.snapshot.text;
  std::string text;
  text.reserve(made.size() + digits.size());
  text.append(made.substr(0, draft.revision_at)).append(digits).append(made.substr(draft.revision_at));
  draft.snapshot.text = std::move(text);
  return std::make_shared<const Snapshot>(std::move(draft.snapshot));
}

/// A namespace after one of its objects became `after`. Null: there is none.
Usage Changed(Usage usage, const Snapshot* before, const Snapshot* after) {
  usage.objects = usage.objects + (after ? 1 : 0) - (before ? 1 : 0);
  usage.bytes = usage.bytes + (after ? after->text.size() : 0) - (before ? before->text.size() : 0);
  return usage;
}

/// In Kubernetes' words; `used` is what there was before.
Expected<void> CheckWithin(const Quota& quota, const ObjectKey& key, const Usage& used, const Usage& next) {
  struct Bound {
    std::string_view name;
    std::size_t used;
    std::size_t next;
    std::size_t max;
  };
  std::string requested;
  std::string present;
  std::string limited;
  for (const Bound& bound : {Bound{"bytes", used.bytes, next.bytes, quota.bytes_max},
                             Bound{"objects", used.objects, next.objects, quota.objects_max}}) {
    if (bound.next <= bound.used || bound.next <= bound.max) continue;
    const std::string name = (limited.empty() ? "" : ",") + std::string(bound.name) + "=";
    requested += name + std::to_string(bound.next - bound.used);
    present += name + std::to_string(bound.used);
    limited += name + std::to_string(bound.max);
  }
  if (limited.empty()) return {};
  return Error{Code::kForbidden, "Forbidden",
               key.resource + " \"" + key.name + "\" is forbidden: exceeded quota: " + key.namespace_ +
                   ", requested: " + requested + ", used: " + present + ", limited: " + limited};
}

}  // namespace

/// What a reader holds: its queue, and the way to end it.
class Store::StoreWatch final : public Watch {
 public:
  StoreWatch(std::shared_ptr<Impl> impl, std::shared_ptr<EventQueue> queue)
      : impl_(std::move(impl)), queue_(std::move(queue)) {}
  ~StoreWatch() override;

  Expected<std::optional<Event>> Next(std::chrono::milliseconds wait, std::stop_token stop) override {
    return queue_->Next(wait, std::move(stop));
  }
  void SetNotify(std::function<void()> notify) override { queue_->SetNotify(std::move(notify)); }

 private:
  std::shared_ptr<Impl> impl_;         // Shared: a watch may outlive the store.
  std::shared_ptr<EventQueue> queue_;  // Shared with the committer, which may be pushing when this goes.
};

class Store::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(StoreOptions options, std::unique_ptr<Database> database)
      : options_(std::move(options)), database_(std::move(database)) {}

  Expected<void> Load() {
    std::optional<Error> failure;
    auto floor = database_->Load([&](LogRow row) {
      if (auto done = Replay(std::move(row)); !done && !failure) failure = done.error();
    });
    if (!floor) return floor.error();
    if (failure) return *std::move(failure);
    floor_ = std::max(floor_, *floor);
    return {};
  }

  Expected<SnapshotPtr> Get(const ObjectKey& key) const {
    std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end())
      return Error{Code::kNotFound, "NotFound", key.resource + " \"" + key.name + "\" not found"};
    return found->second;
  }

  ObjectList List(std::string_view resource, std::string_view namespace_) const {
    std::lock_guard lock(mutex_);
    ObjectList list{.revision = {revision_}};
    for (auto it = objects_.lower_bound({std::string(resource), std::string(namespace_), ""}); it != objects_.end();
         ++it) {
      if (it->first.resource != resource) break;
      if (!namespace_.empty() && it->first.namespace_ != namespace_) break;
      list.items.push_back(it->second);
    }
    return list;
  }

  ResourceVersion revision() const {
    std::lock_guard lock(mutex_);
    return {revision_};
  }

  std::vector<Expected<SnapshotPtr>> CommitAll(std::vector<Mutation> mutations);
  bool Compact();
  StoreStats Stats() const;
  Expected<void> CheckQuota(const Snapshot& next, const Quota& quota) const {
    std::lock_guard lock(mutex_);
    const auto current = objects_.find(next.key);
    const Usage used = UsageOf(next.key.namespace_);
    const Snapshot* before = current == objects_.end() ? nullptr : current->second.get();
    return CheckWithin(quota, next.key, used, Changed(used, before, &next));
  }
  Expected<std::unique_ptr<Watch>> Open(std::string_view resource, ResourceVersion from);
  void Forget(const std::shared_ptr<EventQueue>& queue) {
    std::lock_guard lock(mutex_);
    std::erase(queues_, queue);
  }

 private:
  /// Wakes one writer, which alone waits on it: when all that it wrote is done, and when it is its turn to lead. Woken
  /// all together, 64 writers spent most of two cores on waking.
  using Turn = std::shared_ptr<std::condition_variable>;
  /// A write that waits for its commit.
  struct Waiter {
    Mutation mutation;
    Turn turn;
    std::optional<Expected<SnapshotPtr>> result{};  ///< Of the leader alone until is_done.
    bool is_done = false;                           ///< The result is on disk, or is an error.
  };
  /// What a batch will have changed once it is on disk.
  struct Outcome {
    LogBatch log{};
    std::vector<Event> events{};
    std::map<ObjectKey, SnapshotPtr> states{};  ///< Null: removed.
    std::map<std::string, Usage> usage{};       ///< Of the namespaces that it changes.
  };

  using Queues = std::vector<std::shared_ptr<EventQueue>>;

  Expected<void> Replay(LogRow row);
  void LeadCommit(std::unique_lock<std::mutex>& lock);
  Outcome Prepare(const std::vector<Waiter*>& batch);
  Expected<Event> Apply(Waiter& waiter, const Outcome& outcome, std::int64_t revision) const;
  void Put(const Event& event);
  Usage UsageOf(const std::string& namespace_) const;
  void Supersede(const Event& event);
  static std::size_t DropsMax(std::size_t writes);
  void PlanDrops(LogBatch& log, std::int64_t newest, std::size_t rows_max) const;
  void ForgetDropped(const LogBatch& log);
  std::chrono::steady_clock::time_point TimeNow() const;
  void CountTransaction(std::chrono::steady_clock::time_point began, const Expected<void>& done);
  Queues Publish(const Outcome& outcome);
  Turn NextLead() const;

  // Constant after construction.
  const StoreOptions options_;

  // Used by the leading writer alone; but FileBytes is anybody's.
  std::unique_ptr<Database> database_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  bool is_committing_ = false;
  std::deque<Waiter*> waiting_;
  std::map<ObjectKey, SnapshotPtr> objects_;
  std::map<std::string, Usage> usage_;  ///< Of objects_, by namespace; of none that is empty.
  std::deque<Event> history_;           ///< Of revisions above floor_, in order.
  std::size_t history_bytes_ = 0;
  Queues queues_;  ///< As they were opened: who is told first must not be chance.
  std::int64_t revision_ = 0;
  std::int64_t floor_ = 0;
  /// (revision that superseded, row's own revision): rows on disk that no restart needs, oldest first.
  std::deque<std::pair<std::int64_t, std::int64_t>> superseded_;
  std::uint64_t commits_ = 0;
  std::uint64_t failed_commits_ = 0;
  std::string failing_;
  std::uint64_t compaction_slices_ = 0;
  std::map<std::string, SecondsHistogram> transactions_;  // By the error's reason.
};

Store::StoreWatch::~StoreWatch() {
  queue_->SetNotify({});
  impl_->Forget(queue_);
}

Expected<void> Store::Impl::Replay(LogRow row) {
  auto object = api::codec::ParseObject(row.text);
  if (!object)
    return Error{Code::kUnavailable, "StoreDamaged",
                 "revision " + std::to_string(row.revision) + " of " + ToString(row.key) + " cannot be read: " +
                     object.error().message + "; move the store's file away, and herod makes a new one from git"};
  Snapshot snapshot = SnapshotOf(row.key, *object);
  snapshot.resource_version = {row.revision};
  snapshot.text = std::move(row.text);
  const auto state = std::make_shared<const Snapshot>(std::move(snapshot));
  const auto before = objects_.find(row.key);
  Event event{.type = row.is_removal             ? EventType::kDeleted
                      : before == objects_.end() ? EventType::kAdded
                                                 : EventType::kModified,
              .object = state,
              .previous = before == objects_.end() ? nullptr : before->second,
              .revision = {row.revision}};
  revision_ = row.revision;
  Put(event);
  Supersede(event);
  return {};
}

/// Makes the event's state the present one.
void Store::Impl::Put(const Event& event) {
  const ObjectKey& key = event.object->key;
  const bool is_removal = event.type == EventType::kDeleted;
  const Usage usage = Changed(UsageOf(key.namespace_), event.previous.get(), is_removal ? nullptr : event.object.get());
  if (usage.objects == 0)
    usage_.erase(key.namespace_);
  else
    usage_[key.namespace_] = usage;
  if (is_removal)
    objects_.erase(key);
  else
    objects_[key] = event.object;
}

Usage Store::Impl::UsageOf(const std::string& namespace_) const {
  const auto found = usage_.find(namespace_);
  return found == usage_.end() ? Usage{} : found->second;
}

/// Keeps the event for watches that come later, and remembers which row it made useless.
void Store::Impl::Supersede(const Event& event) {
  if (event.previous) superseded_.emplace_back(event.revision.value, event.previous->resource_version.value);
  if (event.type == EventType::kDeleted) superseded_.emplace_back(event.revision.value, event.revision.value);
  history_.push_back(event);
  history_bytes_ += event.object->text.size();
  while (history_.size() > options_.history_max ||
         (history_.size() > 1 && history_bytes_ > options_.history_bytes_max)) {
    floor_ = history_.front().revision.value;
    history_bytes_ -= history_.front().object->text.size();
    history_.pop_front();
  }
}

std::vector<Expected<SnapshotPtr>> Store::Impl::CommitAll(std::vector<Mutation> mutations) {
  std::vector<Expected<SnapshotPtr>> results;
  if (mutations.empty()) return results;
  std::vector<Waiter> own;
  own.reserve(mutations.size());
  const Turn turn = std::make_shared<std::condition_variable>();
  for (Mutation& mutation : mutations) own.push_back({.mutation = std::move(mutation), .turn = turn});
  const Waiter& last = own.back();  // They are committed in order, so it is done last.
  std::unique_lock lock(mutex_);
  for (Waiter& waiter : own) waiting_.push_back(&waiter);
  while (!last.is_done) {
    turn->wait(lock, [&] { return last.is_done || !is_committing_; });
    if (!last.is_done) LeadCommit(lock);
  }
  results.reserve(own.size());
  for (Waiter& waiter : own) results.push_back(*std::move(waiter.result));
  return results;
}

/// Commits for those who queued up first, and hands the lead on. The caller may be among them or, in a long queue, not
/// yet.
void Store::Impl::LeadCommit(std::unique_lock<std::mutex>& lock) {
  is_committing_ = true;
  std::vector<Waiter*> batch;
  while (!waiting_.empty() && batch.size() < options_.batch_max) {
    batch.push_back(waiting_.front());
    waiting_.pop_front();
  }
  Outcome outcome = Prepare(batch);
  lock.unlock();
  const auto began = TimeNow();
  const auto written = outcome.log.rows.empty() ? Expected<void>() : database_->Write(outcome.log);
  lock.lock();
  if (!outcome.log.rows.empty()) CountTransaction(began, written);
  Queues told;
  if (written) {
    told = Publish(outcome);
    if (!outcome.log.rows.empty()) ++commits_;
  } else {
    ++failed_commits_;
    for (Waiter* waiter : batch)
      if (*waiter->result) waiter->result = written.error();
  }
  std::vector<Turn> turns;
  for (Waiter* waiter : batch) {
    if (turns.empty() || turns.back() != waiter->turn) turns.push_back(waiter->turn);
    waiter->is_done = true;  // Not before: its caller may go as soon as it sees this.
  }
  is_committing_ = false;
  if (const Turn next = NextLead()) turns.push_back(next);
  lock.unlock();
  for (const Turn& turn : turns) turn->notify_one();
  for (const auto& queue : told) queue->Notify();
  lock.lock();
}

Store::Impl::Outcome Store::Impl::Prepare(const std::vector<Waiter*>& batch) {
  Outcome outcome;
  std::int64_t revision = revision_;
  for (Waiter* waiter : batch) {
    auto event = Apply(*waiter, outcome, revision + 1);
    if (!event) {
      waiter->result = event.error();
      continue;
    }
    const SnapshotPtr& state = event->object;
    const bool is_removal = event->type == EventType::kDeleted;
    Usage& usage = outcome.usage.try_emplace(state->key.namespace_, UsageOf(state->key.namespace_)).first->second;
    const Usage next = Changed(usage, event->previous.get(), is_removal ? nullptr : state.get());
    const auto within =
        waiter->mutation.quota ? CheckWithin(*waiter->mutation.quota, state->key, usage, next) : Expected<void>();
    if (!within) {
      waiter->result = within.error();
      continue;
    }
    usage = next;
    ++revision;
    waiter->result = state;
    outcome.log.rows.push_back(
        {.key = state->key, .revision = revision, .is_removal = is_removal, .text = state->text});
    outcome.states[state->key] = is_removal ? nullptr : state;
    outcome.events.push_back(*std::move(event));
  }
  const std::size_t rows = outcome.log.rows.size();
  if (rows > 0) PlanDrops(outcome.log, revision, DropsMax(rows));
  return outcome;
}

/// The event of one mutation, seen after those before it in the batch.
Expected<Event> Store::Impl::Apply(Waiter& waiter, const Outcome& outcome, std::int64_t revision) const {
  Mutation& mutation = waiter.mutation;
  const ObjectKey& key = mutation.draft.snapshot.key;
  SnapshotPtr current;
  if (const auto fresh = outcome.states.find(key); fresh != outcome.states.end()) {
    current = fresh->second;
  } else if (const auto stored = objects_.find(key); stored != objects_.end()) {
    current = stored->second;
  }
  const std::string what = key.resource + " \"" + key.name + "\"";
  if (mutation.expected.value == 0 && current)
    return Error{Code::kAlreadyExists, "AlreadyExists", what + " already exists"};
  if (mutation.expected.value != 0 && !current) return Error{Code::kNotFound, "NotFound", what + " not found"};
  if (current && current->resource_version != mutation.expected)
    return Error{Code::kConflict, "Conflict",
                 "Operation cannot be fulfilled on " + what +
                     ": the object has been modified; please apply your changes to the latest version and try again"};
  return Event{.type = mutation.is_removal ? EventType::kDeleted
                       : current           ? EventType::kModified
                                           : EventType::kAdded,
               .object = Finish(std::move(mutation.draft), revision),
               .previous = current,
               .revision = {revision}};
}

/// As many rows as so many writes can make useless (a removal makes two: the state before and itself) and some more, so
/// that what is left over shrinks with every commit, in slices that hold nobody up.
std::size_t Store::Impl::DropsMax(std::size_t writes) { return 2 * writes + 64; }

void Store::Impl::PlanDrops(LogBatch& log, std::int64_t newest, std::size_t rows_max) const {
  const std::int64_t floor = std::max(newest - static_cast<std::int64_t>(options_.history_max), floor_);
  log.floor = floor;
  for (const auto& [superseded_at, row] : superseded_) {
    if (superseded_at > floor || log.dropped.size() >= rows_max) break;
    log.dropped.push_back(row);
  }
}

/// Makes a written batch visible. Returns the queues whose readers have to be told, without the lock.
Store::Impl::Queues Store::Impl::Publish(const Outcome& outcome) {
  for (const Event& event : outcome.events) {
    revision_ = event.revision.value;
    Put(event);
    Supersede(event);
  }
  Queues told;
  for (const auto& queue : queues_) {
    bool is_told = false;
    for (const Event& event : outcome.events) {
      if (queue->resource() != event.object->key.resource) continue;
      queue->Push(event);
      is_told = true;
    }
    if (is_told) told.push_back(queue);
  }
  ForgetDropped(outcome.log);
  return told;
}

void Store::Impl::ForgetDropped(const LogBatch& log) {
  superseded_.erase(superseded_.begin(), superseded_.begin() + static_cast<std::ptrdiff_t>(log.dropped.size()));
  if (!log.dropped.empty()) ++compaction_slices_;
}

bool Store::Impl::Compact() {
  constexpr std::size_t kRows = 100;  // Some 5 ms (docs/performance.md): nobody notices a wait like that.
  std::unique_lock lock(mutex_);
  if (is_committing_ || !waiting_.empty()) return true;  // Somebody writes, and drops by that.
  is_committing_ = true;
  LogBatch log;
  PlanDrops(log, revision_, kRows);
  lock.unlock();
  bool has_more = !log.dropped.empty();
  const bool is_transaction = has_more;
  const auto began = TimeNow();
  const auto written = has_more ? database_->Write(log) : Expected<void>();
  if (!has_more) {
    const auto given = database_->GiveBack();
    has_more = given && *given;
  }
  lock.lock();
  if (is_transaction) CountTransaction(began, written);
  if (written) ForgetDropped(log);
  is_committing_ = false;
  const Turn next = NextLead();
  lock.unlock();
  if (next) next->notify_one();
  return has_more && written;
}

/// Whose turn it is once nobody commits; null: nobody's.
Store::Impl::Turn Store::Impl::NextLead() const { return waiting_.empty() ? nullptr : waiting_.front()->turn; }

StoreStats Store::Impl::Stats() const {
  const std::int64_t file_bytes = database_->FileBytes();
  const std::lock_guard lock(mutex_);
  return {.objects = objects_.size(),
          .revision = {revision_},
          .file_bytes = file_bytes,
          .history = history_.size(),
          .watches = queues_.size(),
          .superseded = superseded_.size(),
          .commits = commits_,
          .failed_commits = failed_commits_,
          .failing = failing_,
          .compaction_slices = compaction_slices_,
          .transactions = transactions_};
}

std::chrono::steady_clock::time_point Store::Impl::TimeNow() const {
  return options_.clock ? options_.clock->SteadyNow() : std::chrono::steady_clock::time_point();
}

/// Guarded by mutex_, which the caller holds.
void Store::Impl::CountTransaction(std::chrono::steady_clock::time_point began, const Expected<void>& done) {
  failing_ = done ? "" : done.error().reason;
  if (!options_.clock) return;
  const auto took = options_.clock->SteadyNow() - began;
  transactions_.try_emplace(done ? "" : done.error().reason, kSqlBounds).first->second.Count(took);
}

Expected<std::unique_ptr<Watch>> Store::Impl::Open(std::string_view resource, ResourceVersion from) {
  auto queue = std::make_shared<EventQueue>(std::string(resource), options_.watch_queue_max,
                                            2 * options_.history_bytes_max);  // It begins with a history.
  std::lock_guard lock(mutex_);
  if (from.value < floor_)
    return Error{Code::kExpired, "Expired",
                 "too old resource version: " + std::to_string(from.value) + " (" + std::to_string(floor_ + 1) + ")"};
  if (from.value > revision_)
    return Error{Code::kExpired, "Expired",
                 "too new resource version: " + std::to_string(from.value) + " (" + std::to_string(revision_) + ")"};
  for (const Event& event : history_)
    if (event.revision > from && event.object->key.resource == resource) queue->Push(event);
  queues_.push_back(queue);
  return std::unique_ptr<Watch>(std::make_unique<StoreWatch>(shared_from_this(), std::move(queue)));
}

Store::Store(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Expected<std::unique_ptr<Store>> Store::Open(StoreOptions options) {
  auto database = Database::Open(options.path);
  if (!database) return database.error();
  auto impl = std::make_shared<Impl>(std::move(options), *std::move(database));
  if (auto loaded = impl->Load(); !loaded) return loaded.error();
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Expected<SnapshotPtr> Store::Get(const ObjectKey& key) const { return impl_->Get(key); }
ObjectList Store::List(std::string_view resource, std::string_view namespace_) const {
  return impl_->List(resource, namespace_);
}
ResourceVersion Store::revision() const { return impl_->revision(); }
Expected<SnapshotPtr> Store::Commit(Mutation mutation) {
  std::vector<Mutation> one;
  one.push_back(std::move(mutation));
  return std::move(impl_->CommitAll(std::move(one)).front());
}
std::vector<Expected<SnapshotPtr>> Store::CommitAll(std::vector<Mutation> mutations) {
  return impl_->CommitAll(std::move(mutations));
}
bool Store::Compact() { return impl_->Compact(); }
StoreStats Store::Stats() const { return impl_->Stats(); }
Expected<void> Store::CheckQuota(const Snapshot& next, const Quota& quota) const {
  return impl_->CheckQuota(next, quota);
}
Expected<std::unique_ptr<Watch>> Store::OpenWatch(std::string_view resource, ResourceVersion from) {
  return impl_->Open(resource, from);
}

}  // namespace reconciler
