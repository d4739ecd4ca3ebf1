#include "tests/simulation/simulation.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "api/codec/object.h"
#include "reconciler/builtin_kinds.h"
#include "reconciler/typed.h"
#include "tests/simulation/sim_controllers.h"
#include "tests/simulation/sim_process.h"

namespace tests {
namespace {

using api::Json;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kToys = 3;
constexpr std::uint64_t kPartsOfToy = 4;

api::schema::Catalog CatalogOfSimulation() {
  api::schema::Catalog catalog = ToyCatalog();
  for (api::schema::Kind& kind : reconciler::BuiltinKinds()) (void)catalog.Add(std::move(kind));
  return catalog;
}

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : fibers_(seed), world_(fibers_), machine_(fibers_) {}

  SimResult Run();

 private:
  using Do = void (Simulation::*)();

  void Direct();
  void Trouble();
  void Operate();
  void Heal();
  std::string WhatIsWrong() const;
  std::string WhatIsWrongWith(const Toy& toy, const api::Object& object) const;
  void Rest();
  void React();
  void Start();
  void Approve(bool all);

  // What operators do.
  void PutToy();
  void DeleteToy();
  void SuspendToy();
  void WishRestart();
  void AskForPass();
  void MeddleWithPart();
  void MeddleWithHost();

  // What happens to a machine.
  void KillProcess();
  void CutPower();
  void StopProcess();
  void FillDisk();
  void SetClock();
  void SilenceWatch();
  void ChangeFaults();

  std::string AnyToy() { return std::string(1, static_cast<char>('a' + fibers_.Random(kToys))); }
  std::string AnyPart() { return AnyToy() + "-" + std::to_string(fibers_.Random(kPartsOfToy)); }
  bool Call(const std::string& what, const std::function<void(SimClient&)>& call);
  void PatchToy(const std::string& name, const std::string& what, const Json& patch);

  Fibers fibers_;
  SimWorld world_;
  SimMachine machine_;
  const api::schema::Catalog catalog_ = CatalogOfSimulation();
  std::vector<std::unique_ptr<SimProcess>> lives_;  // All but the newest are dead.
  std::map<std::string, std::string> wishes_;       // Of a toy: the last that was acknowledged.
  int kills_ = 0;
  int next_value_ = 0;
  bool is_over_ = false;
  std::int64_t revision_ = 0;
};

SimResult Simulation::Run() {
  SimResult result;
  try {
    fibers_.Run([this] { Direct(); });
  } catch (const std::exception& failure) {
    result.violation = failure.what();
  }
  result.hash = fibers_.hash();
  result.switches = fibers_.switches();
  result.kills = kills_;
  result.host_changes = world_.host_changes;
  result.revision = revision_;
  result.trace = fibers_.trace();
  for (auto& life : lives_) (void)life.release();
  return result;
}

void Simulation::Direct() {
  Start();
  std::vector<pthread_t> people;
  people.reserve(2);
  for (int i = 0; i < 2; ++i) people.push_back(fibers_.Start(0, [this] { Operate(); }));
  Trouble();
  is_over_ = true;
  for (const pthread_t person : people) fibers_.Join(person);
  Heal();
  Rest();
  if (world_.silent_until.empty()) React();  // A watch that died is found by a comparison, minutes later.
  lives_.back()->Stop();
}

void Simulation::Start() {
  fibers_.Note("start");
  lives_.push_back(
      std::make_unique<SimProcess>(world_, catalog_, machine_, static_cast<Fibers::Group>(lives_.size() + 1)));
}

/// The machine's bad days.
void Simulation::Trouble() {
  constexpr Do kTroubles[] = {&Simulation::KillProcess,  &Simulation::KillProcess,  &Simulation::CutPower,
                              &Simulation::StopProcess,  &Simulation::FillDisk,     &Simulation::SetClock,
                              &Simulation::ChangeFaults, &Simulation::ChangeFaults, &Simulation::SilenceWatch};
  for (std::uint64_t left = 1 + fibers_.Random(5); left > 0; --left) {
    fibers_.Sleep(fibers_.RandomTime(seconds(30)));
    (this->*kTroubles[fibers_.Random(std::size(kTroubles))])();
  }
}

void Simulation::Operate() {
  constexpr Do kDeeds[] = {&Simulation::PutToy,        &Simulation::PutToy,         &Simulation::PutToy,
                           &Simulation::DeleteToy,     &Simulation::SuspendToy,     &Simulation::WishRestart,
                           &Simulation::AskForPass,    &Simulation::MeddleWithPart, &Simulation::MeddleWithHost,
                           &Simulation::MeddleWithHost};
  while (!is_over_) {
    const std::uint64_t deed = fibers_.Random(std::size(kDeeds) + 1);
    if (deed < std::size(kDeeds))
      (this->*kDeeds[deed])();
    else
      Approve(false);
    fibers_.Sleep(fibers_.RandomTime(seconds(20)));
  }
}

bool Simulation::Call(const std::string& what, const std::function<void(SimClient&)>& call) {
  SimProcess& process = *lives_.back();
  if (!process.is_serving()) return false;
  if (!what.empty()) fibers_.Note("operator: " + what);
  const bool is_answered = process.Call(call);
  if (!is_answered) fibers_.Note("operator: no answer: " + what);
  return is_answered;
}

void Simulation::PatchToy(const std::string& name, const std::string& what, const Json& patch) {
  Call(what + " " + name, [name, patch](SimClient& client) {
    (void)client.Patch({"toys.test.dev", "", name}, patch, {.actor = "operator"});
  });
}

void Simulation::PutToy() {
  const std::string name = AnyToy();
  ToySpec spec{.want = (fibers_.Chance(8) ? "danger " : "value ") + std::to_string(++next_value_)};
  for (std::uint64_t i = 0; i < kPartsOfToy; ++i)
    if (fibers_.Chance(2)) spec.children.push_back(name + "-" + std::to_string(i));
  Call("put " + name + " " + spec.want, [name, spec](SimClient& client) {
    (void)reconciler::Put(client, Toy{.metadata = {.name = name}, .spec = spec}, {.actor = "operator"});
  });
}

void Simulation::DeleteToy() {
  if (!fibers_.Chance(2)) return;
  Call("delete", [name = AnyToy()](SimClient& client) {
    (void)client.Delete({"toys.test.dev", "", name}, {.actor = "operator"});
  });
}

void Simulation::SuspendToy() {
  const bool ends = fibers_.Chance(2);
  Json suspend = fibers_.Chance(2) ? Json() : Json::Of({{"reason", "a test"}});
  if (ends && suspend.is_object())
    suspend["until"] = api::codec::FormatTime(machine_.Now() + seconds(fibers_.Random(30)));
  PatchToy(AnyToy(), suspend.is_null() ? "resume" : "suspend", Json::Of({{"spec", Json::Of({{"suspend", suspend}})}}));
}

void Simulation::WishRestart() {
  const std::string wish = "wish " + std::to_string(++next_value_);
  PatchToy(AnyToy(), wish,
           Json::Of({{"metadata", Json::Of({{"annotations", Json::Of({{"test.dev/restart", wish}})}})}}));
}

void Simulation::AskForPass() {
  const std::string asked = "at " + std::to_string(++next_value_);
  PatchToy(
      AnyToy(), "ask for a pass over",
      Json::Of({{"metadata", Json::Of({{"annotations", Json::Of({{"test.dev/reconcile-requested-at", asked}})}})}}));
}

void Simulation::MeddleWithPart() {
  const api::ObjectKey key{"parts.test.dev", "", AnyPart()};
  if (fibers_.Chance(2)) {
    Call("delete " + key.name, [key](SimClient& client) { (void)client.Delete(key, {.actor = "operator"}); });
  } else {
    Call("meddle with " + key.name, [key](SimClient& client) {
      (void)client.Patch(key, Json::Of({{"spec", Json::Of({{"want", "meddled"}})}}), {.actor = "operator"});
    });
  }
}

/// By hand, and whoever watches the host is told or not.
void Simulation::MeddleWithHost() {
  std::vector<std::string> there;
  there.reserve(world_.host.size());
  for (const auto& [path, text] : world_.host) there.push_back(path);
  const std::string path = there.empty() || fibers_.Chance(6) ? "value/stray" + std::to_string(fibers_.Random(2))
                                                              : there[fibers_.Random(there.size())];
  fibers_.Note("by hand: " + path);
  if (!path.starts_with("value/stray") && fibers_.Chance(2))
    world_.host.erase(path);
  else
    world_.host[path] = "by hand";
  const std::string table = path.substr(0, path.find('/'));
  const auto waker = world_.wakers.find(table == "built" ? "value" : table);
  if (waker == world_.wakers.end() || fibers_.Chance(2)) return;
  // The host's own thread tells, so it dies with the process.
  lives_.back()->Call([told = waker->second, name = path.substr(path.find('/') + 1)](SimClient&) {
    told->Wake({"", name}, "changed by hand");
  });
}

/// Says yes to what waits: to one of it, or to all. Noted when there is something: it is asked every other second.
void Simulation::Approve(bool all) {
  Call("", [&fibers = fibers_, all](SimClient& client) {
    const auto list = client.List("approvals.hero.dev", "");
    if (!list) return;
    for (const reconciler::SnapshotPtr& snapshot : list->items) {
      if (!all && !fibers.Chance(2)) continue;
      (void)client.Patch(snapshot->key, Json::Of({{"spec", Json::Of({{"approved", true}})}}), {.actor = "operator"});
    }
  });
}

void Simulation::KillProcess() {
  fibers_.Note("kill -9");
  ++kills_;
  lives_.back()->Kill();
  fibers_.Sleep(fibers_.RandomTime(seconds(5)));
  Start();
}

void Simulation::CutPower() {
  fibers_.Note("power cut");
  ++kills_;
  lives_.back()->Kill();
  world_.disk.CutPower();
  fibers_.Sleep(fibers_.RandomTime(seconds(5)));
  Start();
}

void Simulation::StopProcess() {
  fibers_.Note("stop");
  const auto asked = fibers_.now();
  lives_.back()->Stop();
  if (fibers_.now() - asked > minutes(1)) fibers_.Fail("it took more than a minute to stop");
  Start();
}

void Simulation::FillDisk() {
  fibers_.Note("the disk is full");
  world_.disk.is_full = true;
  fibers_.Sleep(fibers_.RandomTime(seconds(20)));
  world_.disk.is_full = false;
  fibers_.Note("the disk has room again");
  if (lives_.back()->has_ended()) Start();
}

void Simulation::SetClock() {
  fibers_.Note("the clock is set");
  world_.clock_set_at = fibers_.now();
  const auto by = fibers_.RandomTime(std::chrono::hours(2));
  fibers_.SetWallOffset(fibers_.wall() - fibers_.now() + (fibers_.Chance(2) ? by : -by));
}

void Simulation::SilenceWatch() {
  constexpr const char* kWatched[] = {"toys.test.dev", "parts.test.dev", "approvals.hero.dev"};
  const std::string resource = kWatched[fibers_.Random(3)];
  fibers_.Note("silence: " + resource);
  world_.silent_until[resource] = fibers_.now() + fibers_.RandomTime(minutes(2));
}

void Simulation::ChangeFaults() {
  const auto chance = [&](std::uint64_t one_in) { return fibers_.Chance(2) ? 0 : one_in; };
  world_.faults = {.api_fails_one_in = chance(12),
                   .watch_lost_one_in = chance(60),
                   .watch_late_one_in = chance(4),
                   .host_fails_one_in = chance(6),
                   .host_lies_one_in = chance(10),
                   .host_unknown_one_in = chance(8),
                   .work_hangs_one_in = chance(4),
                   .host_takes_most = chance(1) != 0 ? seconds(3) : milliseconds(1)};
  world_.disk.sync_takes_most = chance(1) != 0 ? milliseconds(300) : milliseconds(0);
  fibers_.Note("other faults");
}

/// All is well again, and people look after what waits for them. Within half an hour the world is as declared.
void Simulation::Heal() {
  fibers_.Note("all is well again");
  world_.faults = {};
  world_.disk.is_full = false;
  world_.disk.sync_takes_most = milliseconds(0);
  if (lives_.back()->has_ended()) Start();
  for (std::uint64_t i = 0; i < kToys; ++i)
    while (!Call("resume", [name = std::string(1, static_cast<char>('a' + i))](SimClient& client) {
      (void)client.Patch({"toys.test.dev", "", name}, Json::Of({{"spec", Json::Of({{"suspend", Json()}})}}),
                         {.actor = "operator"});
    }))
      fibers_.Sleep(milliseconds(100));
  const auto until = fibers_.now() + minutes(30);
  std::string wrong = "nothing was looked at";
  while (fibers_.now() < until) {
    Approve(true);
    fibers_.Sleep(seconds(2));
    wrong = WhatIsWrong();
    if (wrong.empty()) return;
  }
  fibers_.Fail("it did not come to what is declared: " + wrong);
}

/// A second look at a world that is right changes nothing: a rescan writes no word.
void Simulation::Rest() {
  fibers_.Note("rest");
  fibers_.Sleep(seconds(5));
  const auto others = [&] { return world_.truth->revision().value - world_.recorded; };
  const std::int64_t before = others();
  const int changes = world_.host_changes;
  fibers_.Sleep(seconds(75));
  if (world_.host_changes != changes) fibers_.Fail("the host is changed though all is as declared");
  if (others() != before) fibers_.Fail("the store is written though all is as declared");
  if (const std::string wrong = WhatIsWrong(); !wrong.empty()) fibers_.Fail("at rest: " + wrong);
}

/// On a good day nobody waits for a timer: a change is on the host at once, and said to be so when the work is done.
void Simulation::React() {
  constexpr milliseconds kAtOnce{300};
  constexpr seconds kWorkMost{11};  // SimWorld::Work, and a second.
  fibers_.Note("react");
  std::vector<std::string> children{"a-0", "a-1"};
  Call("put a quick", [&](SimClient& client) {
    if (const auto toy = reconciler::Get<Toy>(client, "a")) children = toy->spec.children;
    (void)reconciler::Put(client, Toy{.metadata = {.name = "a"}, .spec = {.want = "quick", .children = children}},
                          {.actor = "operator"});
  });
  fibers_.Sleep(kAtOnce);
  if (!world_.host.contains("text/a") || world_.host.at("text/a") != "quick")
    fibers_.Fail("a change was not acted upon at once");
  fibers_.Sleep(kWorkMost);
  if (const std::string wrong = WhatIsWrong(); !wrong.empty()) fibers_.Fail("a change was not ended in time: " + wrong);
  revision_ = world_.truth->revision().value;
}

/// What is not as declared, in words; empty: nothing.
std::string Simulation::WhatIsWrong() const {
  const reconciler::Store& store = *world_.truth;
  std::set<std::string> wanted_host;
  std::set<std::string> uids;
  std::set<std::string> wanted_parts;
  const auto toys = store.List("toys.test.dev", "");
  for (const auto& snapshot : toys.items) {
    const auto object = api::codec::ParseObject(snapshot->text);
    const auto toy = api::codec::FromObject<Toy>(*object);
    const std::string wrong = WhatIsWrongWith(*toy, *object);
    if (!wrong.empty()) return "toy " + toy->metadata.name + ": " + wrong;
    wanted_host.insert("text/" + toy->metadata.name);
    uids.insert(toy->metadata.uid.value);
    for (const std::string& child : toy->spec.children) wanted_parts.insert(child);
  }
  const auto parts = store.List("parts.test.dev", "");
  for (const auto& snapshot : parts.items) {
    if (!wanted_parts.contains(snapshot->key.name)) return "part " + snapshot->key.name + " is of nobody";
    wanted_host.insert("value/" + snapshot->key.name);
    wanted_host.insert("built/" + snapshot->key.name);
    uids.insert(snapshot->uid.value);
  }
  for (const auto& [path, text] : world_.host)
    if (!wanted_host.contains(path)) return path + " is left behind";
  if (!store.List("approvals.hero.dev", "").items.empty()) return "an approval is left behind";
  for (const auto& task : store.List("tasks.internal", "").items)
    if (!uids.contains(task->key.namespace_) && task->key.namespace_ != "part")
      return "the task " + ToString(task->key) + " is of nobody";
  return "";
}

std::string Simulation::WhatIsWrongWith(const Toy& toy, const api::Object& object) const {
  const reconciler::Store& store = *world_.truth;
  const std::string& name = toy.metadata.name;
  const auto is_ready = [](const auto& kind) {
    const api::Condition* ready = kind.common.Find(api::kReady);
    return ready && ready->status == api::ConditionStatus::kTrue && ready->reason == "Reconciled" &&
           ready->observed_generation == kind.metadata.generation && kind.status.have == kind.spec.want &&
           kind.common.observed_generation == kind.metadata.generation && kind.common.conditions.size() == 1;
  };
  const auto is_on_host = [&](const std::string& path) {
    const auto found = world_.host.find(path);
    return found != world_.host.end() && found->second == toy.spec.want;
  };
  if (toy.metadata.is_deleting()) return "is still being deleted";
  if (!is_on_host("text/" + name)) return "is not on the host";
  if (!is_ready(toy)) return "its status does not say so";
  for (const auto& [key, value] : object.metadata.annotations) {
    const std::string verb = key.substr(key.find('/') + 1);
    const auto handled = toy.common.handled.find(verb);
    if (handled == toy.common.handled.end() || handled->second != value) return "its wish " + verb + " is not handled";
    if (verb == "restart" && world_.restarts.contains(name) && world_.restarts.at(name) != value)
      return "its wish was not fulfilled";
  }
  for (const std::string& child : toy.spec.children) {
    const auto snapshot = store.Get({"parts.test.dev", "", child});
    const auto parsed =
        snapshot ? api::codec::ParseObject((*snapshot)->text) : api::Expected<api::Object>(api::Error{});
    const auto part = parsed ? api::codec::FromObject<Part>(*parsed) : api::Expected<Part>(api::Error{});
    if (!part) return "part " + child + " is missing";
    if (part->metadata.is_deleting() || part->spec.want != toy.spec.want) return "part " + child + " differs";
    if (part->metadata.owner_references.size() != 1 || part->metadata.owner_references[0].uid != toy.metadata.uid)
      return "part " + child + " has other owners";
    if (!is_on_host("value/" + child) || !is_on_host("built/" + child)) return "part " + child + " is not on the host";
    if (!is_ready(*part)) return "part " + child + " does not say so";
  }
  return "";
}

}  // namespace

SimResult Simulate(std::uint64_t seed) {
  auto* simulation = new Simulation(seed);  // Never freed: a killed process stands in it.
  return simulation->Run();
}

}  // namespace tests
