#include "client/apply.h"

#include <array>
#include <utility>

#include "api/codec/json.h"
#include "client/wire_format.h"

namespace client {
namespace {

using api::Code;
using api::Expected;
using api::Json;
using reconciler::WriteOptions;

/// Written by servers alone; a file that was made with `get -o yaml` has them.
constexpr std::array<std::string_view, 6> kServerFields{
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "selfLink"};

/// What was applied last, as the present object says; an empty object when it says nothing that can be read.
Json LastApplied(const Json& current) {
  const Json* note = current.At({"metadata", "annotations", kLastApplied});
  auto last = api::codec::ParseJson(note ? note->StringOr("") : "");
  return last && last->is_object() ? *std::move(last) : Json::EmptyObject();
}

/// What a patch of the object that is there came to.
Expected<ApplyResult> Change(WireClient& client, const api::ObjectKey& key, const Json& wanted, const Json& current,
                             const WriteOptions& options) {
  const Json patch = ThreeWayPatch(LastApplied(current), wanted, current);
  if (patch.size() == 0) return ApplyResult{};
  const auto written = client.Patch(key, patch, options);
  if (!written) return written.error();
  // The server fills defaults in and drops what it does not know, so only its answer tells whether anything changed.
  const auto after = api::codec::ParseJson(written->object->text);
  const bool is_same = after && *after == current;
  return ApplyResult{.what = is_same ? Applied::kUnchanged : Applied::kConfigured, .warnings = written->warnings};
}

Expected<ApplyResult> CreateOrChange(WireClient& client, const api::schema::Kind& kind, const api::ObjectKey& key,
                                     const Json& wanted, const WriteOptions& options) {
  const auto current = client.Fetch(PathOf(kind, key.namespace_, key.name));
  if (current) return Change(client, key, wanted, *current, options);
  if (current.error().code != Code::kNotFound) return current.error();
  const auto created = client.CreateFrom(kind, key.namespace_, wanted, options);
  if (!created) return created.error();
  return ApplyResult{.what = Applied::kCreated, .warnings = created->warnings};
}

}  // namespace

Json ToApply(Json object) {
  object.Erase("status");
  Json& metadata = object["metadata"];
  for (const std::string_view field : kServerFields) metadata.Erase(field);
  if (Json* annotations = metadata.Find("annotations")) {
    annotations->Erase(kLastApplied);
    if (annotations->size() == 0) metadata.Erase("annotations");
  }
  Json note = object;
  // Preconditions of this one time: kept, they would look like fields that the next version of the file gave up.
  note["metadata"].Erase("resourceVersion");
  note["metadata"].Erase("uid");
  metadata["annotations"][kLastApplied] = api::codec::WriteJson(note);
  return object;
}

Json ThreeWayPatch(const Json& last_applied, const Json& wanted, const Json& current) {
  Json patch = Json::EmptyObject();
  if (!wanted.object()) return patch;
  const Json nothing = Json::EmptyObject();
  for (const Json::Member& member : *wanted.object()) {
    const Json* have = current.Find(member.key);
    const bool is_there = have && !have->is_null();
    if (member.value.is_object() && have && have->is_object()) {
      const Json* last = last_applied.Find(member.key);
      Json deeper = ThreeWayPatch(last ? *last : nothing, member.value, *have);
      if (deeper.size() > 0) patch[member.key] = std::move(deeper);
    } else if (member.value.is_null() ? is_there : !have || *have != member.value) {
      patch[member.key] = member.value;
    }
  }
  if (!last_applied.object()) return patch;
  for (const Json::Member& member : *last_applied.object())
    if (!wanted.Find(member.key) && current.Find(member.key)) patch[member.key] = Json();
  return patch;
}

std::string_view ToString(Applied applied) {
  switch (applied) {
    case Applied::kCreated:
      return "created";
    case Applied::kConfigured:
      return "configured";
    case Applied::kUnchanged:
      return "unchanged";
  }
  return "";
}

Expected<ApplyResult> Apply(WireClient& client, const api::schema::Kind& kind, std::string_view namespace_, Json object,
                            const WriteOptions& options) {
  Json wanted = ToApply(std::move(object));
  if (kind.is_namespaced && !wanted.At({"metadata", "namespace"})) wanted["metadata"]["namespace"] = namespace_;
  const Json* given = wanted.At({"metadata", "namespace"});
  const api::ObjectKey key{kind.resource(), kind.is_namespaced && given ? given->StringOr("") : "",
                           wanted.At({"metadata", "name"})->StringOr("")};
  auto result = CreateOrChange(client, kind, key, wanted, options);
  // Made or removed by somebody else between our look and our write: the second look sees it.
  const bool raced = !result && (result.error().code == Code::kAlreadyExists || result.error().code == Code::kNotFound);
  return raced ? CreateOrChange(client, kind, key, wanted, options) : result;
}

}  // namespace client
