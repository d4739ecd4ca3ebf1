#include "reconciler/loop.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "api/codec/object.h"
#include "host/log.h"
#include "reconciler/orphans.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using std::chrono::milliseconds;

constexpr milliseconds kPersonDeadline{std::chrono::minutes(10)};  // Somebody may have fixed a token or a permission.
constexpr std::size_t kCausesMax = 8;                              // As many as a person reads.
const Request kInventory{};  // No object has an empty name, so this one stands for all that have none.

/// Keys that fail hold half of the workers at most.
WorkQueueOptions QueueOptionsOf(const LoopOptions& options) {
  WorkQueueOptions queue = options.queue;
  if (queue.retries_max == 0) queue.retries_max = std::max(1, options.workers / 2);
  return queue;
}

bool IsSpecChange(const SnapshotPtr& before, const SnapshotPtr& after) {
  return !before || !after || before->uid != after->uid || before->generation != after->generation ||
         before->is_deleting != after->is_deleting || before->metadata_digest != after->metadata_digest;
}

std::string_view CauseOf(const SnapshotPtr& before, const SnapshotPtr& after) {
  if (!before) return "appeared";
  if (!after) return "is gone";
  if (before->is_deleting != after->is_deleting) return "is being deleted";
  if (before->generation != after->generation) return "spec changed";
  if (before->metadata_digest != after->metadata_digest) return "labels, annotations or owners changed";
  return "status changed";
}

}  // namespace

Loop::Loop(const Engine& engine, std::unique_ptr<AnyController> controller, LoopOptions options)
    : engine_(engine),
      controller_(std::move(controller)),
      options_(std::move(options)),
      finalizer_(options_.has_finalizer ? std::string(controller_->kind().group) + "/" + options_.name : ""),
      resource_(api::ResourceName(controller_->kind())),
      queue_(engine.clock, engine.entropy, QueueOptionsOf(options_)) {
  controller_->Watches(sources_);
}

void Loop::Connect() {
  engine_.informers.Of(resource_).AddHandler(
      [this](const SnapshotPtr& before, const SnapshotPtr& after) { OnOwnChange(before, after); });
  engine_.informers.Of(api::ResourceName(Approval::kInfo))
      .AddHandler([this](const SnapshotPtr& before, const SnapshotPtr& after) { OnApproval(before, after); });
  for (const Sources::Watched& watched : sources_.watched()) {
    engine_.informers.Of(watched.resource)
        .AddHandler([this, &watched](const SnapshotPtr& before, const SnapshotPtr& after) {
          OnWatchedChange(watched, before, after);
        });
  }
  for (const IndexedBy& index : sources_.indexes()) engine_.informers.Of(index.resource).AddIndex(index);
}

void Loop::StartHostSources() {
  WatchDirectories();
  for (const Sources::HostSource& start : sources_.host()) start(*this);
  if (options_.has_inventory) Add(kInventory, "start", {.priority = Priority::kLow});
}

void Loop::WatchDirectories() {
  for (const HostDirectory& directory : sources_.directories())
    if (engine_.path_watches.Add({.waker = this}, directory)) WakeAll(directory.path + " is watched");
}

void Loop::Wake(const Request& request, std::string_view cause) { Add(request, cause, {}); }

void Loop::WakeAll(std::string_view cause) {
  for (const SnapshotPtr& snapshot : engine_.informers.Find(resource_)->List())
    Wake({snapshot->key.namespace_, snapshot->key.name}, cause);
  if (options_.has_inventory) Wake(kInventory, cause);
}

void Loop::Add(const Request& request, std::string_view cause, AddOptions options) {
  NoteCause(request, cause);
  options.cause = cause;
  queue_.Add(request, options);
}

void Loop::NoteCause(const Request& request, std::string_view cause) {
  std::lock_guard lock(mutex_);
  std::vector<std::string>& causes = causes_[request];
  if (causes.size() < kCausesMax && std::find(causes.begin(), causes.end(), cause) == causes.end())
    causes.emplace_back(cause);
}

std::vector<std::string> Loop::TakeCauses(const Request& request) {
  std::lock_guard lock(mutex_);
  const auto found = causes_.find(request);
  if (found == causes_.end()) return {"time"};  // A rescan or a recheck.
  std::vector<std::string> causes = std::move(found->second);
  causes_.erase(found);
  return causes;
}

void Loop::OnOwnChange(const SnapshotPtr& before, const SnapshotPtr& after) {
  if (!IsSpecChange(before, after)) return;
  const api::ObjectKey& key = (after ? after : before)->key;
  const Request request{key.namespace_, key.name};
  if (before && (!after || before->uid != after->uid)) {
    std::lock_guard lock(mutex_);
    gone_[request] = before->uid;
  }
  // A change of what is wanted is a new case: earlier failures say nothing about it.
  if (before && after && before->generation != after->generation) queue_.Forget(request);
  // What a start finds is no news: fresh events overtake it.
  const bool is_initial = !engine_.informers.Find(resource_)->is_synced();
  Add(request, CauseOf(before, after), {.priority = is_initial ? Priority::kLow : Priority::kNormal});
}

void Loop::OnWatchedChange(const Sources::Watched& watched, const SnapshotPtr& before, const SnapshotPtr& after) {
  if (watched.on == On::kSpecChange && !IsSpecChange(before, after)) return;
  const api::KindInfo& kind = controller_->kind();
  const std::string cause = ToString((after ? after : before)->key) + " " + std::string(CauseOf(before, after));
  for (const SnapshotPtr& snapshot : {before, after}) {
    if (!snapshot) continue;
    auto object = api::codec::ParseObject(snapshot->text);
    if (!object) continue;
    if (!watched.by_owner) {
      for (const Request& request : watched.map(*object)) Wake(request, cause);
      continue;
    }
    for (const api::OwnerReference& owner : object->metadata.owner_references)
      if (owner.kind == kind.kind && owner.api_version == api::codec::ApiVersionOf(kind))
        Wake({kind.is_namespaced ? object->metadata.namespace_ : "", owner.name}, cause);
  }
}

/// An answer wakes who asked.
void Loop::OnApproval(const SnapshotPtr& before, const SnapshotPtr& after) {
  if (!before || !after) return;  // A new one is ours, or is found when it is asked for; one that is gone is spent.
  auto object = api::codec::ParseObject(after->text);
  auto approval = object ? api::codec::FromObject<Approval>(*object) : api::Expected<Approval>(object.error());
  if (!approval || approval->spec.controller != options_.name) return;
  const std::string& about = approval->spec.object;  // `Team team`, `Binding alice/slides`, or nothing.
  const std::string name = about.substr(std::min(about.size(), about.find(' ') + 1));
  const std::size_t slash = name.find('/');
  Wake(slash == std::string::npos ? Request{"", name} : Request{name.substr(0, slash), name.substr(slash + 1)},
       "an approval was answered");
}

void Loop::Run(std::stop_token stop) {
  while (auto request = queue_.Get(stop)) {
    Reconcile(*request);
    queue_.Done(*request);
  }
}

bool Loop::Step() {
  const auto request = queue_.TakeReady();
  if (!request) return false;
  Reconcile(*request);
  queue_.Done(*request);
  return true;
}

void Loop::Reconcile(const Request& request) {
  const auto began = engine_.clock.SteadyNow();
  {
    std::lock_guard lock(mutex_);
    ++stats_.active;
  }
  PassRecord record{.controller = options_.name,
                    .object = {resource_, request.namespace_, request.name},
                    .began = engine_.clock.Now(),
                    .causes = TakeCauses(request),
                    .outcome = "gone"};
  // What a pass does not stop itself: a bug in the engine.
  try {
    EndGone(request);
    auto fresh = own_writes_.CatchUp(engine_.informers);
    auto snapshot = engine_.informers.Find(resource_)->Get(request.namespace_, request.name);
    if (!fresh) {
      CountStale();
      record.outcome = "retry";
      record.failures = fresh.error().message;
      record.next = ScheduleRetry(request, fresh.error());
    } else if (request == kInventory) {
      TakeInventory(record);
    } else if (snapshot) {
      ReconcileObject(request, *snapshot, record);
    } else {
      queue_.Forget(request);
      object_times_.Forget(request);
      engine_.path_watches.Keep({this, request}, {});
      const std::string name = (request.namespace_.empty() ? "" : request.namespace_ + "/") + request.name;
      (void)engine_.approvals.Settle(options_.name, std::string(controller_->kind().kind) + " " + name);
    }
  } catch (const std::exception& exception) {
    host::log::Error("reconcile threw",
                     {{"controller", options_.name}, {"object", request.name}, {"what", exception.what()}});
    record.outcome = "retry";
    record.failures = exception.what();
    queue_.AddRateLimited(request);
  }
  record.took = std::chrono::duration_cast<std::chrono::microseconds>(engine_.clock.SteadyNow() - began);
  {
    std::lock_guard lock(mutex_);
    --stats_.active;
    stats_.CountTime(record.took);
  }
  engine_.journal.Note(std::move(record));
}

void Loop::Count(const PassRecord& record, const PassOutcome& outcome) {
  std::lock_guard lock(mutex_);
  stats_.slow += outcome.is_slow ? 1 : 0;
  stats_.stale += outcome.is_stale ? 1 : 0;
  if (outcome.error) {
    ++stats_.failed;
    stats_.terminal += outcome.error->code == Code::kInvalid ? 1 : 0;
    stats_.threw += outcome.has_thrown ? 1 : 0;
  } else if (record.outcome == "pending" || record.outcome == "held") {
    ++stats_.waiting;
  } else {
    ++stats_.succeeded;
  }
}

void Loop::CountStale() {
  std::lock_guard lock(mutex_);
  ++stats_.stale;
}

ObjectCounts Loop::CountObjects() const {
  ObjectCounts counts;
  const Informer* informer = engine_.informers.Find(resource_);
  if (!informer) return counts;
  for (const SnapshotPtr& snapshot : informer->List()) {
    ++counts.exist;
    counts.ready += snapshot->is_ready ? 1 : 0;
    counts.synced += snapshot->is_synced ? 1 : 0;
    if (!snapshot->has_suspension || counts.suspended.size() == ObjectCounts::kSuspendedMax) continue;
    auto object = api::codec::ParseObject(snapshot->text);
    if (object && SuspensionOf(*object, engine_.clock.Now()))
      counts.suspended.emplace_back(snapshot->key.namespace_, snapshot->key.name);
  }
  return counts;
}

LoopMetrics Loop::Metrics() const {
  LoopMetrics metrics{.controller = options_.name,
                      .kind = controller_->kind(),
                      .workers = options_.workers,
                      .objects = CountObjects(),
                      .object_times = object_times_.Stats(),
                      .queue = queue_.Stats()};
  std::lock_guard lock(mutex_);
  metrics.loop = stats_;
  return metrics;
}

/// The tasks of an object that had no finalizer of ours end with it.
void Loop::EndGone(const Request& request) {
  std::optional<api::Uid> uid;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = gone_.find(request); found != gone_.end()) uid = found->second;
  }
  if (!uid) return;
  if (engine_.tasks.Stop(*uid)) return;  // The end of each wakes the name once more.
  engine_.tasks.Forget(*uid);
  std::lock_guard lock(mutex_);
  gone_.erase(request);
}

void Loop::ReconcileObject(const Request& request, const SnapshotPtr& snapshot, PassRecord& record) {
  auto object = api::codec::ParseObject(snapshot->text);
  if (!object) {
    record.outcome = "retry";
    record.failures = object.error().message;
    record.next = ScheduleRetry(request, object.error());
    return;
  }
  if (IsSuspended(*object, request)) {
    record.outcome = "suspended";
    return;
  }
  const PassOptions options{.name = options_.name,
                            .finalizer = finalizer_,
                            .is_observe_only = options_.is_observe_only,
                            .is_retry = queue_.failures(request) > 0,
                            .is_broken = queue_.IsBroken(request),
                            .wake = [this, request] { Wake(request, "a task ended"); },
                            .waker = this};
  const api::ObjectMeta metadata = object->metadata;
  object_times_.PassBegins(*object, engine_.clock.Now());
  Pass pass(engine_, *controller_, options, own_writes_, *std::move(object));
  PassOutcome outcome = pass.Run();
  object_times_.PassEnded(metadata, outcome, engine_.clock.Now());
  record.rounds = outcome.rounds;
  record.steps = std::move(outcome.results.steps);
  Finish(request, outcome, record);
  if (outcome.is_gone) {
    record.next.reset();
    engine_.path_watches.Keep({this, request}, {});
  }
}

/// Decides what comes next, and says what it came to.
void Loop::Finish(const Request& request, const PassOutcome& outcome, PassRecord& record) {
  record.next = Schedule(request, outcome);
  record.failures = outcome.failures;
  const bool is_stalled =
      outcome.error && (outcome.error->code == Code::kInvalid || outcome.error->code == Code::kForbidden);
  record.outcome = is_stalled           ? "stalled"
                   : outcome.error      ? "retry"
                   : outcome.is_gone    ? "gone"
                   : outcome.is_held    ? "held"
                   : outcome.is_pending ? "pending"
                                        : "done";
  Count(record, outcome);
}

api::Expected<std::vector<Chain>> Loop::Orphans() const {
  std::vector<api::Object> objects;
  for (const SnapshotPtr& snapshot : engine_.informers.Find(resource_)->List()) {
    auto object = api::codec::ParseObject(snapshot->text);
    if (!object) return object.error();
    objects.push_back(*std::move(object));
  }
  return controller_->Inventory(objects);
}

void Loop::TakeInventory(PassRecord& record) {
  const auto chains = Orphans();
  auto outcome = chains ? RemoveOrphans(engine_, own_writes_,
                                        {.controller = options_.name,
                                         .kind = std::string(controller_->kind().kind),
                                         .is_observe_only = options_.is_observe_only,
                                         .wake = [this] { Wake(kInventory, "a task ended"); }},
                                        *chains)
                        : api::Expected<OrphanOutcome>(chains.error());
  PassOutcome pass{.error = outcome ? outcome->error : outcome.error(),
                   .is_pending = outcome && outcome->pending,
                   .is_held = outcome && outcome->is_held};
  if (outcome) record.steps = std::move(outcome->steps);
  if (pass.error) pass.failures = pass.error->message;
  if (outcome && outcome->pending) pass.recheck_after = outcome->pending;
  // What has run is looked at again at once: the question is settled when nothing is left.
  if (!pass.error && !pass.is_pending && !pass.is_held && !record.steps.empty())
    pass.recheck_after = options_.queue.backoff_base;
  Finish(kInventory, pass, record);
}

/// `spec.suspend` stops the work on an object until somebody takes it away or its end has come.
bool Loop::IsSuspended(const api::Object& object, const Request& request) {
  const api::Time now = engine_.clock.Now();
  const auto suspension = SuspensionOf(object, now);
  if (!suspension) return false;
  queue_.Forget(request);
  if (suspension->until) queue_.Add(request, {.after = std::chrono::ceil<milliseconds>(*suspension->until - now)});
  return true;
}

/// The time after which it is looked at again at the latest, unless something wakes it.
milliseconds Loop::Schedule(const Request& request, const PassOutcome& outcome) {
  if (outcome.error) {
    const milliseconds retry = ScheduleRetry(request, *outcome.error);
    if (!outcome.recheck_after) return retry;
    // Other chains go on: what they wait for may come before the retry.
    queue_.Add(request, {.after = *outcome.recheck_after});
    return std::min(retry, *outcome.recheck_after);
  }
  // Work that failed before and is under way again has not succeeded yet: its backoff goes on growing.
  if (!outcome.is_pending) queue_.Forget(request);
  const milliseconds after = outcome.recheck_after.value_or(options_.rescan);
  if (!outcome.is_gone) queue_.Add(request, {.after = after});
  return after;
}

milliseconds Loop::ScheduleRetry(const Request& request, const Error& error) {
  switch (error.code) {
    case Code::kInvalid:  // Another spec wakes it; the rescan is for a world that changed unseen.
    case Code::kForbidden: {
      const milliseconds after = error.code == Code::kInvalid ? options_.rescan : kPersonDeadline;
      queue_.Forget(request);
      queue_.Add(request, {.after = after});
      return after;
    }
    case Code::kConflict:
    case Code::kAlreadyExists: {
      const bool is_first = queue_.failures(request) == 0;
      queue_.AddRateLimited(request);
      if (is_first) Wake(request, "somebody else was quicker");
      return is_first ? milliseconds(0) : options_.queue.backoff_max;
    }
    default:
      NoteCause(request, "retry after " + error.reason);
      queue_.AddRateLimited(request, Priority::kNormal, "retry after " + error.reason);
      return options_.queue.backoff_max;
  }
}

}  // namespace reconciler
