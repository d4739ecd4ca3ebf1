#include "tests/simulation/sim_process.h"

#include <chrono>
#include <map>
#include <utility>

#include "tests/simulation/sim_controllers.h"

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Shorter than a box's, so that what waits for them is met often.
reconciler::LoopOptions LoopOptionsOf(const std::string& name) {
  return {.name = name,
          .workers = 2,
          .has_inventory = name == "part",
          .rescan = minutes(1),
          .queue = {.backoff_max = seconds(5), .breaker_pause = seconds(20)}};
}

}  // namespace

SimProcess::SimProcess(SimWorld& world, const api::schema::Catalog& catalog, SimMachine& machine, Fibers::Group group)
    : world_(world), catalog_(catalog), machine_(machine), group_(group) {
  main_ = world_.fibers.Start(group_, [this] { Run(); });
}

void SimProcess::Run() {
  auto opened = reconciler::Store::Open({.path = "/simulated/store.db", .history_max = 200, .clock = &machine_});
  if (!opened) {
    world_.fibers.Note("the store does not open: " + opened.error().message);
    if (!world_.disk.is_full) world_.fibers.Fail("the store does not open: " + opened.error().message);
    has_ended_ = true;
    return;
  }
  store_ = *std::move(opened);
  world_.ledger.Check(*store_);
  registry_ = std::make_unique<reconciler::Registry>(*store_, catalog_, machine_, machine_);
  client_ = std::make_unique<SimClient>(*registry_, world_);
  manager_ = std::make_unique<reconciler::Manager>(
      *client_, *store_, catalog_, reconciler::Machine{.clock = machine_, .entropy = machine_},
      reconciler::ManagerOptions{.task_workers = 2, .checks_purity = true});
  manager_->Add(std::make_unique<SimToyController>(world_), LoopOptionsOf("toy"));
  manager_->Add(std::make_unique<SimPartController>(world_), LoopOptionsOf("part"));
  manager_->AddRunnable("mirror", [this](std::stop_token stop) { Mirror(std::move(stop)); });
  world_.truth = store_.get();
  world_.manager = manager_.get();
  is_serving_ = true;
  const auto ran = manager_->Run(stop_.get_token());
  if (!ran) world_.fibers.Note("the manager ended: " + ran.error().message);
  is_serving_ = false;
  while (calls_ > 0) world_.fibers.Sleep(milliseconds(1));
  world_.ForgetProcess();
  manager_.reset();
  client_.reset();
  registry_.reset();
  store_.reset();
  has_ended_ = true;
}

bool SimProcess::Call(const std::function<void(SimClient&)>& call) {
  if (!is_serving_) return false;
  const auto is_answered = std::make_shared<bool>(false);  // The call may outlive us, dead in its tracks.
  ++calls_;
  world_.fibers.Join(world_.fibers.Start(group_, [this, call, is_answered] {
    call(*client_);
    --calls_;
    *is_answered = true;
  }));
  return *is_answered;
}

void SimProcess::Kill() {
  is_serving_ = false;
  has_ended_ = true;
  world_.fibers.Kill(group_);
  world_.ForgetProcess();
}

void SimProcess::Stop() {
  stop_.request_stop();
  world_.fibers.Join(main_);
}

/// What watchers hear is what is there: keeps a copy by list and watch, and compares.
void SimProcess::Mirror(std::stop_token stop) {
  constexpr const char* kWatched = "parts.test.dev";
  std::map<std::string, std::int64_t> copy;
  std::unique_ptr<reconciler::Watch> watch;
  const auto take_in = [&](milliseconds wait) {
    while (true) {
      auto event = watch->Next(wait, stop);
      if (!event) return watch.reset();
      if (!*event) return;
      if ((*event)->type == reconciler::EventType::kDeleted)
        copy.erase((*event)->object->key.name);
      else if ((*event)->object)
        copy[(*event)->object->key.name] = (*event)->revision.value;
    }
  };
  while (!stop.stop_requested()) {
    const auto list = registry_->List(kWatched);
    if (watch) take_in(milliseconds(0));
    if (!watch) {
      copy.clear();
      for (const auto& snapshot : list->items) copy[snapshot->key.name] = snapshot->resource_version.value;
      watch = *registry_->OpenWatch(kWatched, list->revision);
    }
    std::size_t old = 0;
    for (const auto& [name, revision] : copy) old += revision <= list->revision.value ? 1 : 0;
    std::size_t seen = 0;
    for (const auto& snapshot : list->items) {
      const auto found = copy.find(snapshot->key.name);
      if (found != copy.end() && found->second == snapshot->resource_version.value) ++seen;
      if (found != copy.end() && found->second < snapshot->resource_version.value)
        world_.fibers.Fail("a watch did not tell of " + ToString(snapshot->key));
    }
    if (old > seen) world_.fibers.Fail("a watch did not tell of a removal");
    world_.fibers.Sleep(world_.fibers.RandomTime(seconds(2)));
    if (watch) take_in(milliseconds(100));
  }
}

}  // namespace tests
