#include "api/codec/object.h"

#include <charconv>
#include <optional>

#include "api/codec/json.h"

namespace api::codec {
namespace {

Error InvalidMember(std::string field, std::string reason, std::string message) {
  return {.code = Code::kInvalid,
          .reason = "InvalidObject",
          .message = field + ": " + message,
          .causes = {{.field = std::move(field), .reason = std::move(reason), .message = std::move(message)}}};
}

/// Decodes one member, if it is there, into `member`. A null counts as absent, as Go's decoder has it.
template <class T>
std::optional<Error> Take(const Json& from, const std::string& path, std::string_view name, T& member) {
  const Json* found = from.Find(name);
  if (!found || found->is_null()) return std::nullopt;
  auto decoded = Decode<T>(*found, {.path = detail::Join(path, name)});
  if (!decoded) return decoded.error();
  member = *std::move(decoded);
  return std::nullopt;
}

std::optional<Error> TakeResourceVersion(const Json& from, ResourceVersion& version) {
  std::string digits;
  if (auto failure = Take(from, "metadata", "resourceVersion", digits)) return failure;
  if (digits.empty()) return std::nullopt;
  const char* const end = digits.data() + digits.size();
  const auto [stop, problem] = std::from_chars(digits.data(), end, version.value);
  if (problem == std::errc() && stop == end && version.value >= 0) return std::nullopt;
  return InvalidMember("metadata.resourceVersion", "FieldValueInvalid", "must be decimal digits in quotes");
}

std::optional<Error> TakeOwner(const Json& json, const std::string& path, OwnerReference& owner) {
  if (!json.is_object()) return detail::WrongType(path, "object", json);
  std::optional<Error> failure;
  const auto take = [&](std::string_view name, auto& member) {
    if (!failure) failure = Take(json, path, name, member);
  };
  take("apiVersion", owner.api_version);
  take("kind", owner.kind);
  take("name", owner.name);
  take("uid", owner.uid.value);
  take("controller", owner.is_controller);
  take("blockOwnerDeletion", owner.blocks_owner_deletion);
  return failure;
}

std::optional<Error> TakeOwners(const Json& from, std::vector<OwnerReference>& owners) {
  std::vector<Json> elements;
  if (auto failure = Take(from, "metadata", "ownerReferences", elements)) return failure;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string path = "metadata.ownerReferences[" + std::to_string(i) + "]";
    if (auto failure = TakeOwner(elements[i], path, owners.emplace_back())) return failure;
  }
  return std::nullopt;
}

std::optional<Error> TakeManagedFields(const Json& from, Json& managed) {
  const Json* found = from.Find("managedFields");
  if (!found || found->is_null()) return std::nullopt;
  if (!found->is_array()) return detail::WrongType("metadata.managedFields", "array", *found);
  managed = *found;
  return std::nullopt;
}

std::optional<Error> TakeMetadata(const Json& json, ObjectMeta& metadata) {
  if (!json.is_object()) return detail::WrongType("metadata", "object", json);
  std::optional<Error> failure;
  const auto take = [&](std::string_view name, auto& member) {
    if (!failure) failure = Take(json, "metadata", name, member);
  };
  take("name", metadata.name);
  take("generateName", metadata.generate_name);
  take("namespace", metadata.namespace_);
  take("uid", metadata.uid.value);
  take("generation", metadata.generation.value);
  take("creationTimestamp", metadata.creation_timestamp);
  take("deletionTimestamp", metadata.deletion_timestamp);
  take("labels", metadata.labels);
  take("annotations", metadata.annotations);
  take("finalizers", metadata.finalizers);
  if (!failure) failure = TakeResourceVersion(json, metadata.resource_version);
  if (!failure) failure = TakeOwners(json, metadata.owner_references);
  if (!failure) failure = TakeManagedFields(json, metadata.managed_fields);
  return failure;
}

Json OwnerToJson(const OwnerReference& owner) {
  Json json = Json::Of(
      {{"apiVersion", owner.api_version}, {"kind", owner.kind}, {"name", owner.name}, {"uid", owner.uid.value}});
  if (owner.is_controller) json["controller"] = true;
  if (owner.blocks_owner_deletion) json["blockOwnerDeletion"] = true;
  return json;
}

Json MetadataToJson(const ObjectMeta& metadata) {
  Json json = Json::EmptyObject();
  if (!metadata.name.empty()) json["name"] = metadata.name;
  if (!metadata.generate_name.empty()) json["generateName"] = metadata.generate_name;
  if (!metadata.namespace_.empty()) json["namespace"] = metadata.namespace_;
  if (!metadata.uid.value.empty()) json["uid"] = metadata.uid.value;
  if (metadata.resource_version.value != 0) json["resourceVersion"] = std::to_string(metadata.resource_version.value);
  if (metadata.generation.value != 0) json["generation"] = metadata.generation.value;
  if (metadata.creation_timestamp) json["creationTimestamp"] = FormatTime(*metadata.creation_timestamp);
  if (metadata.deletion_timestamp) {
    json["deletionTimestamp"] = FormatTime(*metadata.deletion_timestamp);
    json["deletionGracePeriodSeconds"] = 0;  // Clients expect both or none; nothing of ours waits.
  }
  if (!metadata.labels.empty()) json["labels"] = Encode(metadata.labels);
  if (!metadata.annotations.empty()) json["annotations"] = Encode(metadata.annotations);
  if (!metadata.finalizers.empty()) json["finalizers"] = Encode(metadata.finalizers);
  for (const OwnerReference& owner : metadata.owner_references) json["ownerReferences"].Append(OwnerToJson(owner));
  if (metadata.managed_fields.size() > 0) json["managedFields"] = metadata.managed_fields;
  return json;
}

std::optional<Error> TakeRequired(const Json& json, std::string_view name, std::string& member) {
  if (auto failure = Take(json, "", name, member)) return failure;
  if (member.empty()) return InvalidMember(std::string(name), "FieldValueRequired", "Required value");
  return std::nullopt;
}

/// A condition that has what every condition has; no value when something is missing or malformed.
std::optional<Condition> ConditionFrom(const Json& json) {
  Condition condition;
  std::string status;
  std::optional<Error> failure;
  const auto take = [&](std::string_view name, auto& member) {
    if (!failure) failure = Take(json, "", name, member);
  };
  take("type", condition.type);
  take("status", status);
  take("reason", condition.reason);
  take("message", condition.message);
  take("observedGeneration", condition.observed_generation.value);
  take("lastTransitionTime", condition.last_transition);
  if (failure || condition.type.empty()) return std::nullopt;
  for (const auto known : {ConditionStatus::kTrue, ConditionStatus::kFalse, ConditionStatus::kUnknown}) {
    if (status != ToString(known)) continue;
    condition.status = known;
    return condition;
  }
  return std::nullopt;
}

}  // namespace

Expected<Object> ObjectFromJson(Json json) {
  if (!json.is_object()) return detail::WrongType("", "object", json);
  Object object;
  if (auto failure = TakeRequired(json, "apiVersion", object.api_version)) return *failure;
  if (auto failure = TakeRequired(json, "kind", object.kind)) return *failure;
  const Json* metadata = json.Find("metadata");
  if (metadata && !metadata->is_null()) {
    if (auto failure = TakeMetadata(*metadata, object.metadata)) return *failure;
  }
  for (const std::string_view name : {"apiVersion", "kind", "metadata"}) json.Erase(name);
  object.body = std::move(json);
  return object;
}

Json ObjectToJson(const Object& object) {
  Json json = object.body;
  json["apiVersion"] = object.api_version;
  json["kind"] = object.kind;
  json["metadata"] = MetadataToJson(object.metadata);
  return json;
}

Expected<Object> ParseObject(std::string_view text) {
  auto json = ParseJson(text);
  if (!json) return json.error();
  return ObjectFromJson(*std::move(json));
}

std::string WriteObject(const Object& object) { return WriteJson(ObjectToJson(object)); }

Json ConditionToJson(const Condition& condition) {
  return Json::Of({{"type", condition.type},
                   {"status", ToString(condition.status)},
                   {"reason", condition.reason},
                   {"message", condition.message},
                   {"observedGeneration", condition.observed_generation.value},
                   {"lastTransitionTime", FormatTime(condition.last_transition)}});
}

CommonStatus CommonStatusOf(const Object& object) {
  CommonStatus common;
  const Json* status = object.body.Find("status");
  if (!status) return common;
  if (const Json* generation = status->Find("observedGeneration"); generation && generation->integer())
    common.observed_generation.value = *generation->integer();
  if (const Json* handled = status->Find("handled"); handled && handled->object()) {
    for (const Json::Member& wish : *handled->object())
      if (wish.value.string()) common.handled.emplace(wish.key, *wish.value.string());
  }
  const Json* conditions = status->Find("conditions");
  if (!conditions || !conditions->array()) return common;
  for (const Json& element : *conditions->array()) {
    if (auto condition = ConditionFrom(element)) common.conditions.push_back(*std::move(condition));
  }
  return common;
}

void PutCommonStatus(const CommonStatus& common, Json& status) {
  status["observedGeneration"] = common.observed_generation.value;
  status["conditions"] = Json::Array{};
  for (const Condition& condition : common.conditions) status["conditions"].Append(ConditionToJson(condition));
  if (common.handled.empty())
    status.Erase("handled");
  else
    status["handled"] = Encode(common.handled);
}

std::string ApiVersionOf(const KindInfo& info) {
  return info.group.empty() ? std::string(info.version) : std::string(info.group) + "/" + std::string(info.version);
}

}  // namespace api::codec
