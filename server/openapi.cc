#include "server/openapi.h"

#include <map>
#include <span>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "server/openapi_paths.h"
#include "server/openapi_schema.h"

namespace server {
namespace {

using api::Json;
using api::schema::Kind;
using api::schema::KindPtr;
using Kinds = std::vector<KindPtr>;

enum class Version { kTwo, kThree };

constexpr std::size_t kHashLength = 32;  // Of 64: enough to tell two documents from each other.

Json Info() { return Json::Of({{"title", "hero"}, {"version", "v1"}}); }

std::string ReferencePrefix(Version version) {
  return version == Version::kTwo ? "#/definitions/" : "#/components/schemas/";
}

Json Parameter(Version version, const char* name, const char* place, const char* type) {
  Json parameter = Json::Of({{"name", name}, {"in", place}});
  if (place == std::string_view("path")) parameter["required"] = true;
  if (version == Version::kTwo)
    parameter["type"] = type;
  else
    parameter["schema"] = Json::Of({{"type", type}});
  return parameter;
}

Json Strings(std::span<const char* const> texts) {
  Json::Array array;
  for (const char* text : texts) array.emplace_back(text);
  return Json(std::move(array));
}

Json SuccessOf(Version version, const Json& schema) {
  Json success = Json::Of({{"description", "OK"}});
  if (version == Version::kTwo)
    success["schema"] = schema;
  else
    success["content"]["application/json"]["schema"] = schema;
  return Json::Of({{"200", std::move(success)}});
}

/// What an operation takes. In version 2 that is a parameter as well, which the readers of protobuf do without.
void SayBody(Version version, const Operation& operation, Json& json) {
  if (operation.media_types.empty()) return;
  if (version == Version::kTwo) {
    json["consumes"] = Strings(operation.media_types);
    return;
  }
  for (const char* type : operation.media_types)
    json["requestBody"]["content"][type]["schema"] = Json::Of({{"type", "object"}});
}

Json OperationJson(Version version, const Kind& kind, const OperationPath& path, const Operation& operation) {
  const std::string_view action = operation.action;
  const bool is_whole = action != "list" && action != "delete";  // Lists and statuses have no schemas here.
  const Json schema =
      is_whole ? Json::Of({{"$ref", ReferencePrefix(version) + DefinitionName(kind)}}) : Json::Of({{"type", "object"}});
  Json json = Json::Of({{"operationId", operation.action + path.id_tail},
                        {"responses", SuccessOf(version, schema)},
                        {"x-kubernetes-action", operation.action},
                        {"x-kubernetes-group-version-kind", GroupVersionKind(kind)}});
  Json::Array parameters;
  for (const OperationParameter& parameter : operation.parameters)
    parameters.push_back(Parameter(version, parameter.name, "query", parameter.type));
  json["parameters"] = Json(std::move(parameters));
  SayBody(version, operation, json);
  return json;
}

Json PathJson(Version version, const Kind& kind, const OperationPath& path) {
  Json json;
  Json::Array parameters;
  if (path.is_namespaced) parameters.push_back(Parameter(version, "namespace", "path", "string"));
  if (path.is_named) parameters.push_back(Parameter(version, "name", "path", "string"));
  if (!parameters.empty()) json["parameters"] = Json(std::move(parameters));
  for (const Operation& operation : path.operations)
    json[operation.method] = OperationJson(version, kind, path, operation);
  return json;
}

Json Paths(Version version, const Kinds& kinds) {
  Json paths = Json::EmptyObject();
  for (const KindPtr& kind : kinds)
    for (const OperationPath& path : PathsOf(*kind)) paths[path.path] = PathJson(version, *kind, path);
  return paths;
}

Json GroupDocument(const Kinds& kinds) {
  return Json::Of({{"openapi", "3.0.0"},
                   {"info", Info()},
                   {"paths", Paths(Version::kThree, kinds)},
                   {"components", Json::Of({{"schemas", Definitions(kinds, ReferencePrefix(Version::kThree))}})}});
}

/// `apis/hero.dev/v1`, `api/v1`
std::string PathOf(const Kind& kind) {
  return (kind.group.empty() ? "api/" : "apis/" + kind.group + "/") + kind.version;
}

}  // namespace

Json OpenApiV2(const Kinds& kinds) {
  Json definitions = Json::EmptyObject();
  const Json declared = Definitions(kinds, ReferencePrefix(Version::kTwo));
  for (const auto& [name, schema] : *declared.object()) definitions[name] = WithoutVersion3(schema);
  return Json::Of({{"swagger", "2.0"},
                   {"info", Info()},
                   {"paths", Paths(Version::kTwo, kinds)},
                   {"definitions", std::move(definitions)}});
}

Json OpenApiV3(const Kinds& kinds, const std::vector<std::string>& segments) {
  std::map<std::string, Kinds> groups;
  for (const KindPtr& kind : kinds) groups[PathOf(*kind)].push_back(kind);
  if (!segments.empty()) {
    std::string path;
    for (const std::string& segment : segments) path += (path.empty() ? "" : "/") + segment;
    const auto found = groups.find(path);
    return found == groups.end() ? Json() : GroupDocument(found->second);
  }
  Json paths = Json::EmptyObject();
  for (const auto& [path, of_group] : groups) {
    const std::string hash = api::codec::Sha256Hex(api::codec::WriteJson(GroupDocument(of_group)));
    paths[path] = Json::Of({{"serverRelativeURL", "/openapi/v3/" + path + "?hash=" + hash.substr(0, kHashLength)}});
  }
  return Json::Of({{"paths", std::move(paths)}});
}

}  // namespace server
