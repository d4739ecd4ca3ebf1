#include "server/event_spelling.h"

#include <string_view>
#include <utility>

#include "api/codec/json.h"

namespace server {
namespace {

using api::Json;
using api::schema::Kind;

constexpr std::string_view kEventsGroup = "events.k8s.io";
constexpr std::string_view kCoreVersion = "v1";
constexpr std::string_view kEventsVersion = "events.k8s.io/v1";

struct Name {
  std::string_view core;
  std::string_view events;
};

constexpr Name kNames[] = {
    {"message", "note"},
    {"involvedObject", "regarding"},
    {"reportingComponent", "reportingController"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
};

void Rename(Json& event, std::string_view from, std::string_view to) {
  Json* found = event.Find(from);
  if (!found) return;
  Json value = std::move(*found);
  event.Erase(from);
  event[to] = std::move(value);
}

void SetVersion(Json& event, std::string_view version) {
  if (Json* found = event.Find("apiVersion")) *found = version;
}

/// `/note` and what is below it.
void RenamePointer(Json& operation, std::string_view member) {
  Json* pointer = operation.Find(member);
  if (!pointer || !pointer->string()) return;
  const std::string& text = *pointer->string();
  for (const auto& [core, events] : kNames) {
    const std::size_t end = 1 + events.size();
    const bool is_named = text.starts_with('/') && text.substr(1, events.size()) == events;
    if (!is_named || (text.size() > end && text[end] != '/')) continue;
    *pointer = "/" + std::string(core) + text.substr(end);
    return;
  }
}

}  // namespace

bool IsEvent(const Kind& kind) { return kind.kind == "Event" && (kind.group.empty() || kind.group == kEventsGroup); }

bool IsRespelled(const Kind& kind) { return IsEvent(kind) && !kind.group.empty(); }

std::string StoredResource(const Kind& kind) { return IsRespelled(kind) ? kind.plural : kind.resource(); }

void SpellAsCore(Json& event) {
  for (const auto& [core, events] : kNames) event.Erase(core);  // No fields of this spelling, so nobody looked at them.
  for (const auto& [core, events] : kNames) Rename(event, events, core);
  SetVersion(event, kCoreVersion);
}

void SpellAsEventsGroup(Json& event) {
  for (const auto& [core, events] : kNames) Rename(event, core, events);
  SetVersion(event, kEventsVersion);
}

void SpellAsStored(const Kind& kind, api::Object& object) {
  if (!IsRespelled(kind)) return;
  SpellAsCore(object.body);
  object.api_version = kCoreVersion;
}

void SpellAsStored(const Kind& kind, reconciler::PatchDocument& patch) {
  if (!IsRespelled(kind)) return;
  if (patch.type != reconciler::PatchType::kJson) return SpellAsCore(patch.json);
  if (!patch.json.array()) return;  // No patch; who applies it says so.
  for (Json& operation : *patch.json.array())
    for (const std::string_view member : {"path", "from"}) RenamePointer(operation, member);
}

std::string ServedText(const Kind& kind, const std::string& stored) {
  if (!IsRespelled(kind)) return stored;
  auto event = api::codec::ParseJson(stored);
  if (!event) return stored;  // What the store wrote can be read.
  SpellAsEventsGroup(*event);
  return api::codec::WriteJson(*event);
}

}  // namespace server
