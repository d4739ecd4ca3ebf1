#include "api/fields/layout.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "api/codec/json.h"

namespace api::fields {
namespace {

using schema::ListType;
using schema::Schema;
using schema::SchemaNode;

/// As Kubernetes declares them. The text is ours and right, and a test says so.
constexpr std::string_view kMetadata = R"({"type": "object", "properties": {
  "labels": {"type": "object", "additionalProperties": {"type": "string"}},
  "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
  "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
  "ownerReferences": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"],
    "items": {"type": "object", "x-kubernetes-map-type": "atomic", "x-kubernetes-preserve-unknown-fields": true,
      "required": ["uid"], "properties": {"uid": {"type": "string"}}}}}})";

const Schema& MetadataSchema() {
  static const Schema kSchema = *Schema::FromJson(*codec::ParseJson(kMetadata), "metadata");
  return kSchema;
}

}  // namespace

Parts PartsOf(const Json& value, const Schema* schema, int depth) {
  if (depth >= kDepthMax) return Parts::kNone;
  if (value.is_object()) return schema && schema->node().is_atomic_map ? Parts::kNone : Parts::kMembers;
  const bool is_list = value.is_array() && schema && schema->node().list_type != ListType::kAtomic;
  return is_list ? Parts::kElements : Parts::kNone;
}

const Schema* MemberSchema(const Schema* schema, std::string_view name) {
  if (!schema) return nullptr;
  const Schema* declared = schema->Property(name);
  return declared ? declared : schema->additional_properties();
}

std::string MemberStep(std::string_view name) { return "f:" + std::string(name); }

std::string ElementStep(const Json& element, const Schema& list) {
  if (list.node().list_type == ListType::kSet) return "v:" + codec::WriteJson(element);
  Json keys = Json::EmptyObject();
  for (const std::string& name : list.node().list_map_keys) {
    const Schema* declared = MemberSchema(list.items(), name);
    const Json* value = element.Find(name);
    if (!value && declared) value = declared->default_value();
    if (value) keys[name] = *value;
  }
  return "k:" + codec::WriteJson(keys);
}

Schema ObjectSchema(const Schema* kind) {
  auto node = kind ? std::make_shared<SchemaNode>(kind->node()) : std::make_shared<SchemaNode>();
  node->is_resource = false;
  node->keeps_unknown = node->keeps_unknown || !kind;
  std::erase_if(node->properties, [](const SchemaNode::Property& property) { return property.name == "metadata"; });
  const auto place = std::find_if(node->properties.begin(), node->properties.end(),
                                  [](const SchemaNode::Property& property) { return property.name > "metadata"; });
  node->properties.insert(place, {"metadata", MetadataSchema()});
  return Schema(std::move(node));
}

}  // namespace api::fields
