#include "server/openapi_schema.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/json_at.h"
#include "api/codec/yaml.h"
#include "api/meta/words.h"

namespace server {
namespace {

using api::Json;
using api::codec::ArrayAt;
using api::codec::IsTrueAt;
using api::codec::TextAt;
using api::schema::Kind;

constexpr std::string_view kKeepsUnknown = "x-kubernetes-preserve-unknown-fields";
constexpr std::string_view kIntOrString = "x-kubernetes-int-or-string";
constexpr const char* kObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Built-in kinds have no definition. Clients need what they patch, check and explain.
constexpr std::string_view kBuiltinSchemas = R"yaml(
io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta:
  description: What every object has, whatever its kind.
  type: object
  properties:
    name: {type: string, description: Of the object among those of its kind in its namespace. It never changes.}
    generateName: {type: string, description: The beginning of a name that the server makes up.}
    namespace: {type: string, description: Where the object lives. Empty for objects of the whole cluster.}
    selfLink: {type: string, description: Not used any more.}
    uid: {type: string, description: Made by the server. Another object of the same name has another one.}
    resourceVersion: {type: string, description: The state of the store that this state of the object came with.}
    generation: {type: integer, format: int64, description: Counts the changes of what is wanted.}
    creationTimestamp: {type: string, format: date-time, description: When the object was made.}
    deletionTimestamp: {type: string, format: date-time, description: When its deletion was asked for.}
    deletionGracePeriodSeconds: {type: integer, format: int64, description: Always 0.}
    labels: {type: object, additionalProperties: {type: string}, description: What objects are selected by.}
    annotations: {type: object, additionalProperties: {type: string}, description: Notes of people and programs.}
    finalizers:
      type: array
      description: Who has to clean up before the object goes.
      items: {type: string}
      x-kubernetes-list-type: set
    ownerReferences:
      type: array
      description: Objects that this one goes with.
      x-kubernetes-list-type: map
      x-kubernetes-list-map-keys: [uid]
      items:
        type: object
        required: [apiVersion, kind, name, uid]
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          name: {type: string}
          uid: {type: string}
          controller: {type: boolean}
          blockOwnerDeletion: {type: boolean}
    managedFields:
      type: array
      description: Who set which fields.
      items:
        type: object
        properties:
          manager: {type: string}
          operation: {type: string}
          apiVersion: {type: string}
          time: {type: string, format: date-time}
          fieldsType: {type: string}
          fieldsV1: {type: object}
          subresource: {type: string}
io.k8s.api.core.v1.Namespace:
  description: A room for objects, with a member's name.
  type: object
  properties:
    spec:
      type: object
      properties:
        finalizers: {type: array, items: {type: string}}
    status:
      type: object
      properties:
        phase: {type: string, description: Active or Terminating.}
        conditions: {type: array, items: {type: object}}
io.k8s.api.coordination.v1.Lease:
  description: Who of several programs leads, and until when.
  type: object
  properties:
    spec:
      type: object
      properties:
        holderIdentity: {type: string, description: Who leads.}
        leaseDurationSeconds: {type: integer, format: int32, description: How long others wait after renewTime.}
        acquireTime: {type: string, format: date-time}
        renewTime: {type: string, format: date-time}
        leaseTransitions: {type: integer, format: int32, description: How often the holder changed.}
        strategy: {type: string}
        preferredHolder: {type: string}
)yaml";

/// By definition names. The text is ours and right, and a test says so.
const Json& BuiltinSchemas() {
  static const Json kSchemas = api::codec::ParseYaml(kBuiltinSchemas, "openapi_schema.cc")->front();
  return kSchemas;
}

/// What the kind's own definition says, or what is known of a built-in one.
Json DeclaredSchema(const Kind& kind) {
  for (const Json& version : ArrayAt(kind.definition, {"spec", "versions"})) {
    const Json* schema = version.At({"schema", "openAPIV3Schema"});
    if (schema && TextAt(version, {"name"}) == kind.version) return *schema;
  }
  if (const Json* builtin = BuiltinSchemas().Find(DefinitionName(kind))) return *builtin;
  Json anything = Json::Of({{"type", "object"}});
  anything[kKeepsUnknown] = true;
  return anything;
}

Json KindSchema(const Kind& kind, const std::string& prefix) {
  Json schema = DeclaredSchema(kind);
  Json& properties = schema["properties"];
  properties["apiVersion"] = Json::Of({{"type", "string"}, {"description", "The group and version of the kind."}});
  properties["kind"] = Json::Of({{"type", "string"}, {"description", "What the object is."}});
  // With siblings a reference stands in an allOf: by itself it is all that counts.
  properties["metadata"] = Json::Of(
      {{"description", "What every object has."}, {"allOf", Json::Array{Json::Of({{"$ref", prefix + kObjectMeta}})}}});
  schema["x-kubernetes-group-version-kind"] = Json(Json::Array{GroupVersionKind(kind)});
  return schema;
}

}  // namespace

std::string DefinitionName(const Kind& kind) {
  constexpr std::string_view kKubernetes = ".k8s.io";
  const std::string tail = kind.version + "." + kind.kind;
  if (kind.group.empty()) return "io.k8s.api.core." + tail;
  if (kind.group.ends_with(kKubernetes))
    return "io.k8s.api." + kind.group.substr(0, kind.group.size() - kKubernetes.size()) + "." + tail;
  std::string name;
  for (std::string_view rest = kind.group; !rest.empty();) {
    const std::size_t dot = rest.rfind('.');
    name.append(dot == std::string_view::npos ? rest : rest.substr(dot + 1)).append(".");
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(0, dot);
  }
  return name + tail;
}

Json GroupVersionKind(const Kind& kind) {
  return Json::Of({{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}});
}

Json Definitions(const std::vector<api::schema::KindPtr>& kinds, const std::string& prefix) {
  Json definitions = Json::Of({{kObjectMeta, *BuiltinSchemas().Find(kObjectMeta)}});
  for (const auto& kind : kinds) definitions[DefinitionName(*kind)] = KindSchema(*kind, prefix);
  return definitions;
}

Json WithoutVersion3(const Json& schema) {
  constexpr std::array<std::string_view, 7> kDropped = {"default", "nullable", "oneOf",  "anyOf",
                                                        "allOf",   "not",      "example"};
  constexpr std::array<std::string_view, 4> kTyped = {"type", "properties", "items", "additionalProperties"};
  Json said = Json::EmptyObject();
  if (!schema.object() || IsTrueAt(schema, {"nullable"})) return said;
  if (const auto& all = ArrayAt(schema, {"allOf"}); all.size() == 1 && all.front().Find("$ref")) return all.front();
  const bool is_any = IsTrueAt(schema, {kKeepsUnknown}) || IsTrueAt(schema, {kIntOrString});
  const bool is_any_list = TextAt(schema, {"type"}) == "array" && !schema.Find("items");  // v2 has no such lists.
  for (const auto& [key, value] : *schema.object()) {
    if (api::HasWord(kDropped, key) || ((is_any || is_any_list) && api::HasWord(kTyped, key))) continue;
    if (key == "properties" && value.object()) {
      Json& properties = said["properties"] = Json::EmptyObject();
      for (const auto& [name, property] : *value.object()) properties[name] = WithoutVersion3(property);
    } else if (key == "items" || (key == "additionalProperties" && value.is_object())) {
      said[key] = WithoutVersion3(value);
    } else if (!(is_any && key == "required")) {
      said[key] = value;
    }
  }
  return said;
}

}  // namespace server
