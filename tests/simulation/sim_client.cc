#include "tests/simulation/sim_client.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using reconciler::Event;
using reconciler::EventType;

}  // namespace

Expected<std::optional<Event>> SimWatch::Next(std::chrono::milliseconds wait, std::stop_token stop) {
  Fibers& fibers = world_.fibers;
  if (is_lost_ || fibers.Chance(world_.faults.watch_lost_one_in)) {
    is_lost_ = true;
    return Error{Code::kExpired, "Expired", "the watch broke off; list again"};
  }
  const auto silent = world_.silent_until.find(resource_);
  const bool is_silent = silent != world_.silent_until.end() && fibers.now() < silent->second;
  is_dead_ = is_dead_ || (is_silent && fibers.Chance(4));
  if (is_dead_ || is_silent) {
    if (wait.count() > 0) fibers.Sleep(wait);
    return std::optional<Event>();
  }
  if (wait.count() == 0 && fibers.Chance(world_.faults.watch_late_one_in)) {
    TellLater();
    return std::optional<Event>();
  }
  auto event = watch_->Next(wait, std::move(stop));
  if (!event || !*event || !(*event)->object) return event;
  if ((*event)->revision.value <= newest_) fibers.Fail("a watch of " + resource_ + " went back");
  newest_ = (*event)->revision.value;
  if ((*event)->type == EventType::kDeleted)
    world_.ledger.SawRemoval((*event)->object);
  else
    world_.ledger.Saw((*event)->object);
  return event;
}

/// A watch that had nothing to say tells when it has.
void SimWatch::TellLater() {
  Fibers& fibers = world_.fibers;
  if (std::exchange(shared_->is_telling, true)) return;
  fibers.Start(fibers.group(), [&fibers, shared = shared_, after = fibers.RandomTime(std::chrono::milliseconds(400))] {
    fibers.Sleep(after);
    shared->is_telling = false;
    if (const auto notify = shared->notify) notify();
  });
}

void SimClient::Note(const char* verb, const std::string& actor, const Expected<reconciler::Written>& written) {
  if (!written) {
    world_.fibers.Note(actor + " " + verb + ": " + written.error().reason);
    return;
  }
  if (!written->object) return;
  const reconciler::Snapshot& object = *written->object;
  if (actor == "system:recorder") ++world_.recorded;
  if (object.key.resource == "approvals.hero.dev" && !written->is_removed) CheckApproval(actor, object);
  world_.fibers.Note(actor + " " + verb + " " + ToString(object.key) + " @" +
                     std::to_string(object.resource_version.value) + (written->is_removed ? " removed" : ""));
  if (written->is_removed) {
    world_.ledger.SawRemoval(written->object);
    for (const auto& part : world_.truth->List("parts.test.dev", "").items)
      if (part->owners == std::vector{object.uid} && actor != "operator")
        world_.fibers.Fail(ToString(object.key) + " went before its part " + part->key.name);
  } else {
    world_.ledger.Saw(written->object);
  }
}

/// Yes is said by people alone.
void SimClient::CheckApproval(const std::string& actor, const reconciler::Snapshot& written) {
  const auto object = api::codec::ParseObject(written.text);
  const api::Json* approved = object->body.At({"spec", "approved"});
  if (!approved || !approved->boolean() || !*approved->boolean()) return;
  if (actor == "operator")
    world_.said_yes.insert(written.key.name);
  else if (!world_.said_yes.contains(written.key.name))
    world_.fibers.Fail(actor + " approved " + written.key.name + " by itself");
}

/// A status speaks of what was seen: never of a generation to come, and never of an older one than before.
void SimClient::CheckStatus(const reconciler::Snapshot& written) {
  const auto object = api::codec::ParseObject(written.text);
  const api::CommonStatus status = api::codec::CommonStatusOf(*object);
  const std::int64_t observed = status.observed_generation.value;
  if (observed > written.generation.value)
    world_.fibers.Fail(ToString(written.key) + ": its status is ahead of its spec");
  std::int64_t& newest = world_.generations[written.uid.value];
  if (observed < newest) world_.fibers.Fail(ToString(written.key) + ": its status went back to an older spec");
  newest = observed;
  const auto handled = status.handled.find("restart");
  std::string& before = world_.handled[written.uid.value];
  // Also when it is said once more, for the answer was lost: then nothing was written.
  const bool is_said_again = std::exchange(world_.statuses[written.uid.value], written.resource_version.value) ==
                             written.resource_version.value;
  goes_on_ = handled != status.handled.end() && (is_said_again || handled->second != before);
  before = handled != status.handled.end() ? handled->second : "";
}

/// Controllers and the collector remove what nobody wants, and nothing else.
void SimClient::CheckDelete(const api::ObjectKey& key, const reconciler::DeleteOptions& options) {
  const bool is_collector = options.actor == "system:collector";
  if (!is_collector && options.actor != "system:controller:toy") return;
  const auto current = world_.truth->Get(key);
  if (!current || (*current)->is_deleting || key.resource != "parts.test.dev") return;
  if (options.uid && *options.uid != (*current)->uid) return;  // Refused.
  if (options.resource_version && *options.resource_version != (*current)->resource_version) return;
  const auto object = api::codec::ParseObject((*current)->text);
  for (const api::OwnerReference& owner : object->metadata.owner_references) {
    const auto found = world_.truth->Get({"toys.test.dev", "", owner.name});
    const bool is_there = found && (*found)->uid == owner.uid;
    if (is_collector && is_there) world_.fibers.Fail("collected " + ToString(key) + ", whose owner is there");
    if (!is_collector && is_there && !(*found)->is_deleting && world_.wanted_children[owner.name].contains(key.name))
      world_.fibers.Fail("removed " + ToString(key) + ", which its owner wants");
    if (!is_collector && is_there && !(*found)->is_deleting && world_.big_removals.contains(key.name) &&
        !IsApproved(*world_.truth, "remove", "Part " + key.name))
      world_.fibers.Fail("removed " + ToString(key) + " with many others and without approval");
  }
}

}  // namespace tests
