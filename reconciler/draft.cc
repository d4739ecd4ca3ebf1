#include <functional>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "reconciler/finalizers.h"
#include "reconciler/store.h"

namespace reconciler {
namespace {

/// Finalizers are left out: putting ours on an object is no reason to look at it again.
std::size_t MetadataDigest(const api::ObjectMeta& metadata) {
  std::string text;
  for (const auto* map : {&metadata.labels, &metadata.annotations})
    for (const auto& [key, value] : *map) text.append(key).append("\0=", 2).append(value).append("\0,", 2);
  for (const api::OwnerReference& owner : metadata.owner_references) text.append(owner.uid.value).append("\0;", 2);
  return std::hash<std::string>()(text);
}

/// What the engine wrote into the status (conditions.cc), as far as it is counted.
void ReadStatus(const api::Object& object, Snapshot& snapshot) {
  snapshot.has_suspension = object.body.At({"spec", "suspend"}) != nullptr;
  const api::Json* conditions = object.body.At({"status", "conditions"});
  if (!conditions || !conditions->array()) return;
  const api::Json* observed = object.body.At({"status", "observedGeneration"});
  snapshot.is_synced = observed && observed->integer() && *observed->integer() == object.metadata.generation.value;
  for (const api::Json& condition : *conditions->array()) {
    const api::Json* type = condition.Find("type");
    const api::Json* status = condition.Find("status");
    if (!type || !type->string() || !status || *status != api::Json("True")) continue;
    const api::Json* reason = condition.Find("reason");
    if (*type->string() == api::kReady) snapshot.is_ready = true;
    if (*type->string() == api::kStalled || (reason && *reason == api::Json("Retrying"))) snapshot.is_synced = false;
  }
}

/// Writes the metadata and says where in it the revision's digits go.
std::string WriteMetadata(api::Json metadata, std::size_t& revision_at) {
  metadata["resourceVersion"] = "";
  std::string text = "{";
  for (const api::Json::Member& member : *metadata.object()) {
    if (text.size() > 1) text += ",";
    text += "\"" + member.key + "\":";
    if (member.key == "resourceVersion") revision_at = text.size() + 1;  // Behind the opening quote.
    text += api::codec::WriteJson(member.value);
  }
  return text + "}";
}

}  // namespace

Snapshot SnapshotOf(const api::ObjectKey& key, const api::Object& object) {
  Snapshot snapshot;
  snapshot.key = key;
  snapshot.uid = object.metadata.uid;
  snapshot.generation = object.metadata.generation;
  snapshot.is_deleting = object.metadata.is_deleting();
  snapshot.labels.assign(object.metadata.labels.begin(), object.metadata.labels.end());
  for (const api::OwnerReference& owner : object.metadata.owner_references) snapshot.owners.push_back(owner.uid);
  snapshot.metadata_digest = MetadataDigest(object.metadata);
  snapshot.resource_version = object.metadata.resource_version;
  snapshot.awaits_collector = AwaitsCollector(object.metadata);
  ReadStatus(object, snapshot);
  return snapshot;
}

Draft MakeDraft(const api::ObjectKey& key, const api::Object& object) {
  Draft draft{.snapshot = SnapshotOf(key, object)};
  const api::Json json = api::codec::ObjectToJson(object);
  std::string& text = draft.snapshot.text;
  text = "{";
  for (const api::Json::Member& member : *json.object()) {
    if (text.size() > 1) text += ",";
    text += api::codec::WriteJson(api::Json(member.key)) + ":";
    if (member.key == "metadata") {
      std::size_t inside = 0;
      const std::string metadata = WriteMetadata(member.value, inside);
      draft.revision_at = text.size() + inside;
      text += metadata;
    } else {
      text += api::codec::WriteJson(member.value);
    }
  }
  text += "}";
  return draft;
}

}  // namespace reconciler
