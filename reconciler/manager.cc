#include "reconciler/manager.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "host/log.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using std::chrono::milliseconds;

constexpr milliseconds kSyncRetry{200};
constexpr milliseconds kHouseEvery{1000};  // Deadlines of tasks are kept to this; what it does costs microseconds.

/// Waits for the time or the stop.
void Pause(const std::stop_token& stop, milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

Manager::Manager(Client& client, Store& store, const api::schema::Catalog& catalog, const Machine& machine,
                 ManagerOptions options)
    : store_(store),
      machine_(machine),
      options_(std::move(options)),
      audit_(machine.audit_log),
      informers_(client, machine.clock),
      tasks_(store, machine.clock),
      recorder_(client, machine.clock),
      approvals_(client, machine.clock),
      path_watches_(machine.file_watch),
      collector_(client, informers_, catalog),
      engine_{.client = client,
              .informers = informers_,
              .tasks = tasks_,
              .recorder = recorder_,
              .approvals = approvals_,
              .path_watches = path_watches_,
              .journal = journal_,
              .audit = audit_,
              .clock = machine.clock,
              .entropy = machine.entropy,
              .checks_purity = options_.checks_purity} {}

Manager::~Manager() = default;

void Manager::AddLoop(std::unique_ptr<AnyController> controller, const LoopOptions& options) {
  LoopOptions loop = options;
  loop.is_observe_only = loop.is_observe_only || options_.is_observe_only;
  loops_.push_back(std::make_unique<Loop>(engine_, std::move(controller), std::move(loop)));
}

void Manager::AddRunnable(std::string name, std::function<void(std::stop_token)> run) {
  runnables_.emplace_back(std::move(name), std::move(run));
}

void Manager::Connect() {
  if (is_connected_) return;
  is_connected_ = true;
  for (const auto& loop : loops_) loop->Connect();
  collector_.Connect();
}

Expected<void> Manager::Run(std::stop_token stop) {
  Connect();
  // Workers end first, so that nothing they use goes under their hands.
  ThreadGroup base;
  ThreadGroup workers;
  for (int i = 0; i < options_.task_workers; ++i) base.Start("tasks", [this](std::stop_token own) { tasks_.Run(own); });
  if (machine_.file_watch)
    base.Start("file watch", [this](std::stop_token own) { machine_.file_watch->Run(std::move(own)); });
  for (const auto& [name, run] : runnables_) base.Start(name, run);

  auto synced = SyncInformers(stop);
  if (!synced) return synced.error();
  if (*synced) StartWork(base, workers);
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop, [] { return false; });
  EndWork(base, workers);
  return {};
}

void Manager::StartWork(ThreadGroup& base, ThreadGroup& workers) {
  StartHostSources();
  base.Start("informers", [this](std::stop_token own) { informers_.Run(own); });
  base.Start("housekeeping", [this](std::stop_token own) { RunHousekeeping(own); });
  for (const auto& loop : loops_)
    for (int i = 0; i < loop->options().workers; ++i)
      workers.Start(loop->options().name, [&loop](std::stop_token own) { loop->Run(own); });
  host::log::Info("started", {{"loops", std::to_string(loops_.size())}});
}

void Manager::EndWork(ThreadGroup& base, ThreadGroup& workers) {
  const auto asked = std::chrono::steady_clock::now();
  for (const auto& loop : loops_) loop->Drain();
  if (!workers.WaitUntil(asked + options_.drain_deadline)) workers.RequestStop();
  workers.WaitUntil(asked + options_.stop_deadline);
  base.RequestStop();
  const bool has_ended =
      workers.Running().empty() && base.WaitUntil(std::max(asked + options_.stop_deadline,
                                                           std::chrono::steady_clock::now() + options_.drain_deadline));
  if (has_ended || !options_.on_stuck) return;
  std::string stuck = Busy();
  for (const ThreadGroup* group : {&workers, &base})
    for (const std::string& name : group->Running()) stuck += (stuck.empty() ? "" : ", ") + name;
  options_.on_stuck(stuck);
}

/// The objects in hand, in words.
std::string Manager::Busy() const {
  std::string text;
  for (const QueueReport& queue : Queues())
    for (const QueuedKey& key : queue.keys)
      if (key.state == QueuedKey::State::kProcessing)
        text += (text.empty() ? "" : ", ") + queue.controller + " with " + key.request.name;
  return text;
}

/// False: it was stopped before every list was in.
Expected<bool> Manager::SyncInformers(std::stop_token stop) {
  const auto deadline = machine_.clock.SteadyNow() + options_.sync_deadline;
  while (true) {
    auto stepped = informers_.Step();
    if (stepped) return true;
    if (stop.stop_requested()) return false;
    if (machine_.clock.SteadyNow() >= deadline)
      return Error{Code::kTimeout, "CacheSyncTimeout",
                   "the first lists did not come in time: " + stepped.error().message};
    Pause(stop, kSyncRetry);
  }
}

/// What nothing wakes: deadlines, old events, silent watches, objects without owners.
void Manager::KeepHouse() {
  tasks_.StopLate();
  recorder_.Sweep();
  store_.Compact();
  for (const auto& loop : loops_) loop->WatchDirectories();
  if (auto stepped = informers_.Step(); !stepped)
    host::log::Warning("watching failed, trying again", {{"error", stepped.error().message}});
  if (!options_.is_observe_only) collector_.Step();
}

void Manager::RunHousekeeping(std::stop_token stop) {
  while (!stop.stop_requested()) {
    KeepHouse();
    Pause(stop, kHouseEvery);
  }
}

void Manager::StartHostSources() {
  if (std::exchange(has_host_sources_, true)) return;
  for (const auto& loop : loops_) loop->StartHostSources();
}

bool Manager::Step() {
  Connect();
  if (auto stepped = informers_.Step(); !stepped) return false;
  StartHostSources();
  tasks_.StopLate();
  recorder_.Sweep();
  for (const auto& loop : loops_) loop->WatchDirectories();
  const bool has_collected = !options_.is_observe_only && collector_.Step() > 0;
  const bool made_pass = std::any_of(loops_.begin(), loops_.end(), [](const auto& loop) { return loop->Step(); });
  return made_pass || has_collected || tasks_.Step();
}

bool Manager::is_synced() const {
  return std::all_of(informers_.all().begin(), informers_.all().end(),
                     [](const auto& entry) { return entry.second->is_synced(); });
}

std::vector<QueueReport> Manager::Queues() const {
  std::vector<QueueReport> queues;
  queues.reserve(loops_.size());
  for (const auto& loop : loops_) queues.push_back({loop->options().name, loop->queue().Inspect()});
  return queues;
}

std::vector<MetricFamily> Manager::Metrics() const {
  std::vector<LoopMetrics> loops;
  loops.reserve(loops_.size());
  for (const auto& loop : loops_) loops.push_back(loop->Metrics());
  auto families = MetricsOf(loops);
  // This process holds the store's lock, so it leads.
  families.push_back({"leader_election_master_status",
                      "1: this process leads.",
                      MetricFamily::Type::kGauge,
                      {{.labels = {{"name", "store"}}, .value = 1}}});
  MetricFamily cached{"informer_objects", "Objects in the cache of a kind.", MetricFamily::Type::kGauge, {}};
  MetricFamily verified{
      "informer_verified_seconds", "Since the cache was last known to be complete.", MetricFamily::Type::kGauge, {}};
  MetricFamily silent{
      "informer_silent_watches_total", "Watches that had fallen silent.", MetricFamily::Type::kCounter, {}};
  for (const auto& [resource, informer] : informers_.all()) {
    const InformerStats stats = informer->Stats();
    const MetricLabels labels = {{"resource", resource}};
    cached.samples.push_back({.labels = labels, .value = static_cast<double>(stats.objects)});
    verified.samples.push_back({.labels = labels, .value = std::chrono::duration<double>(stats.verified_ago).count()});
    silent.samples.push_back({.labels = labels, .value = static_cast<double>(stats.stale_found)});
  }
  for (MetricFamily* family : {&cached, &verified, &silent}) families.push_back(std::move(*family));
  MetricFamily& sql = families.emplace_back(MetricFamily{
      "kine_sql_time_seconds", "How long a transaction of the store took.", MetricFamily::Type::kHistogram, {}});
  for (const auto& [reason, took] : store_.Stats().transactions)
    sql.samples.push_back(SampleOf({{"error_code", reason}}, took));
  return families;
}

std::vector<HealthCheck> Manager::Readiness() const {
  std::string unread = informers_.all().empty() ? "not begun yet" : "";
  for (const auto& [resource, informer] : informers_.all())
    if (!informer->is_synced()) unread += (unread.empty() ? "not read yet: " : ", ") + resource;
  return {{.name = "store", .failure = store_.Stats().failing}, {.name = "informers", .failure = std::move(unread)}};
}

Expected<PlanReport> Manager::Plan(const PlanQuery& query) {
  if (informers_.all().empty() || !is_synced())
    return Error{Code::kUnavailable, "NotSynced", "herod has not read its objects yet; try again in a moment"};
  if (auto stepped = informers_.Step(); !stepped) return stepped.error();
  return MakePlan(engine_, loops_, query);
}

}  // namespace reconciler
