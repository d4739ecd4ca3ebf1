#include "server/openapi_paths.h"

#include <utility>

namespace server {
namespace {

using api::schema::Kind;

constexpr OperationParameter kWriteParameters[] = {{"dryRun"}, {"fieldManager"}, {"fieldValidation"}};
constexpr OperationParameter kPatchParameters[] = {
    {"dryRun"}, {"fieldManager"}, {"fieldValidation"}, {"force", "boolean"}};
constexpr OperationParameter kDeleteParameters[] = {
    {"dryRun"}, {"gracePeriodSeconds", "integer"}, {"orphanDependents", "boolean"}, {"propagationPolicy"}};
constexpr OperationParameter kListParameters[] = {{"allowWatchBookmarks", "boolean"},
                                                  {"continue"},
                                                  {"fieldSelector"},
                                                  {"labelSelector"},
                                                  {"limit", "integer"},
                                                  {"resourceVersion"},
                                                  {"resourceVersionMatch"},
                                                  {"sendInitialEvents", "boolean"},
                                                  {"timeoutSeconds", "integer"},
                                                  {"watch", "boolean"}};
constexpr const char* kObjectTypes[] = {"application/json", "application/yaml"};
constexpr const char* kDeleteTypes[] = {"application/json"};
constexpr const char* kPatchTypes[] = {"application/apply-patch+yaml", "application/json-patch+json",
                                       "application/merge-patch+json"};

constexpr Operation kCreate{"post", "post", kWriteParameters, kObjectTypes};
constexpr Operation kList{"get", "list", kListParameters, {}};
constexpr Operation kGet{"get", "get", {}, {}};
constexpr Operation kReplace{"put", "put", kWriteParameters, kObjectTypes};
constexpr Operation kPatch{"patch", "patch", kPatchParameters, kPatchTypes};
constexpr Operation kDelete{"delete", "delete", kDeleteParameters, kDeleteTypes};

/// `HeroDevV1Slot`
std::string IdTail(const Kind& kind) {
  std::string tail;
  bool begins = true;
  for (const char c : (kind.group.empty() ? "core" : kind.group) + "." + kind.version) {
    const bool is_separator = c == '.' || c == '-';
    if (!is_separator) tail += begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    begins = is_separator;
  }
  return tail + kind.kind;
}

}  // namespace

std::vector<OperationPath> PathsOf(const Kind& kind) {
  OperationPath collection{.path = (kind.group.empty() ? "/api/" : "/apis/" + kind.group + "/") + kind.version +
                                   (kind.is_namespaced ? "/namespaces/{namespace}/" : "/") + kind.plural,
                           .id_tail = IdTail(kind),
                           .is_namespaced = kind.is_namespaced,
                           .operations = {kCreate}};
  if (kind.is_review) return {std::move(collection)};
  OperationPath object = collection;
  object.path += "/{name}";
  object.is_named = true;
  OperationPath status = object;
  status.path += "/status";
  status.id_tail += "Status";
  collection.operations = {kList, kCreate};
  object.operations = {kGet, kReplace, kPatch, kDelete};
  status.operations = {kGet, kReplace, kPatch};
  if (!kind.has_status) return {std::move(collection), std::move(object)};
  return {std::move(collection), std::move(object), std::move(status)};
}

}  // namespace server
