#include "tests/simulation/sim_world.h"

#include <stdexcept>
#include <utility>

#include "api/codec/object.h"

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using std::chrono::seconds;

}  // namespace

class SimWorld::InHand {
 public:
  InHand(SimWorld& world, const std::string& what) : world_(world), what_(what) {
    if (!world_.in_hand_.insert(what_).second) world_.fibers.Fail("two at once: " + what_);
    world_.fibers.Yield();
  }
  InHand(const InHand&) = delete;
  InHand& operator=(const InHand&) = delete;
  ~InHand() { world_.in_hand_.erase(what_); }

 private:
  SimWorld& world_;
  const std::string what_;
};

bool IsApproved(const reconciler::Store& truth, const std::string& verb, const std::string& target) {
  for (const auto& snapshot : truth.List("approvals.hero.dev", "").items) {
    auto object = api::codec::ParseObject(snapshot->text);
    auto approval =
        object ? api::codec::FromObject<reconciler::Approval>(*object) : Expected<reconciler::Approval>(object.error());
    if (!approval || !approval->spec.approved) continue;
    for (const reconciler::HeldStep& step : approval->spec.steps)
      if (step.verb == verb && step.target == target) return true;
  }
  return false;
}

void SimWorld::ForgetProcess() {
  in_hand_.clear();
  own_writes.clear();
  wakers.clear();
  big_removals.clear();
  truth = nullptr;
  manager = nullptr;
}

/// What goes wrong before anything was done.
std::optional<Error> SimWorld::Trouble(const std::string& what) {
  if (faults.host_takes_most.count() > 0) fibers.Sleep(fibers.RandomTime(faults.host_takes_most));
  if (!fibers.Chance(faults.host_fails_one_in)) return std::nullopt;
  return Error{Code::kUnavailable, "HostFailed", what + " failed"};
}

Expected<std::optional<std::string>> SimWorld::Read(const std::string& path) {
  const InHand in_hand(*this, path);
  if (fibers.Chance(faults.host_unknown_one_in))
    return Error{Code::kUnavailable, "Unreadable", path + " is unreadable"};
  const auto found = host.find(path);
  return found == host.end() ? std::optional<std::string>() : std::optional(found->second);
}

Expected<void> SimWorld::Write(const std::string& path, const std::string& text) {
  const InHand in_hand(*this, path);
  if (auto trouble = Trouble("write " + path)) return *trouble;
  if (fibers.Chance(faults.host_lies_one_in)) return {};
  ++host_changes;
  if (fibers.Chance(faults.host_fails_one_in)) {
    host[path] = text.substr(0, text.size() / 2) + "…";
    return Error{Code::kUnavailable, "HalfDone", "write " + path + " broke off"};
  }
  host[path] = text;
  fibers.Note("host: " + path + " = " + text);
  fibers.Yield();
  if (fibers.Chance(faults.host_fails_one_in)) return Error{Code::kTimeout, "NoAnswer", "write " + path};
  return {};
}

/// A part's value goes only with a part that is being deleted, or when it never had a part.
void SimWorld::CheckErase(const std::string& path) {
  const std::string name = path.substr(path.find('/') + 1);
  const std::string resource = path.starts_with("text/") ? "toys.test.dev" : "parts.test.dev";
  const auto object = truth->Get({resource, "", name});
  if (object ? !(*object)->is_deleting : !name.starts_with("stray"))
    fibers.Fail("erased " + path + ", of which the object " + (object ? "is wanted" : "is not there"));
  if (!object && !IsApproved(*truth, "remove", name)) fibers.Fail("erased " + path + " without approval");
}

Expected<void> SimWorld::Erase(const std::string& path) {
  const InHand in_hand(*this, path);
  if (auto trouble = Trouble("erase " + path)) return *trouble;
  CheckErase(path);
  ++host_changes;
  host.erase(path);
  fibers.Note("host: erased " + path);
  fibers.Yield();
  if (fibers.Chance(faults.host_fails_one_in)) return Error{Code::kTimeout, "NoAnswer", "erase " + path};
  return {};
}

/// Takes its time. False when it was asked to stop.
bool SimWorld::Work(const std::stop_token& stop) {
  const bool hangs = fibers.Chance(faults.work_hangs_one_in);
  for (std::uint64_t left = 1 + fibers.Random(5); left > 0; left -= hangs ? 0 : 1) {
    fibers.Sleep(fibers.RandomTime(seconds(2)));
    if (stop.stop_requested()) return false;
  }
  return true;
}

Expected<api::Json> SimWorld::Archive(const std::string& name, const std::string& uid, const std::stop_token& stop) {
  const InHand in_hand(*this, "archive/" + name);
  if (IsArchived(name, uid)) return api::Json(name);
  if (!Work(stop)) return Error{Code::kUnavailable, "Stopped", "asked to stop"};
  if (fibers.Chance(faults.host_fails_one_in)) return Error{Code::kUnavailable, "HostFailed", "archive " + name};
  ++host_changes;
  fibers.Note("host: archived " + name);
  if (++archives[name + " " + uid] > 1) fibers.Fail("archived twice: " + name);
  fibers.Yield();
  return api::Json(name);
}

Expected<api::Json> SimWorld::Build(const std::string& name, const std::string& want, const std::stop_token& stop) {
  const InHand in_hand(*this, "build/" + name);
  if (fibers.Chance(faults.host_fails_one_in)) throw std::runtime_error("a bug in the build of " + name);
  if (!Work(stop)) return Error{Code::kUnavailable, "Stopped", "asked to stop"};
  if (fibers.Chance(faults.host_fails_one_in)) return Error{Code::kUnavailable, "HostFailed", "build " + name};
  ++host_changes;
  host["built/" + name] = want;
  fibers.Note("host: built " + name + " for " + want);
  fibers.Yield();
  return api::Json(want);
}

Expected<void> SimWorld::Restart(const std::string& name, const std::string& wish) {
  const InHand in_hand(*this, "restart/" + name);
  if (auto trouble = Trouble("restart " + name)) return *trouble;
  ++host_changes;
  restarts[name] = wish;
  fibers.Note("host: restarted " + name + " for " + wish);
  return {};
}

Expected<void> SimWorld::Endanger(const std::string& name, const std::string& text) {
  if (!IsApproved(*truth, "endanger", name)) fibers.Fail("endanger " + name + " ran without approval");
  return Write("value/" + name, text);
}

}  // namespace tests
