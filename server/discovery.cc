#include "server/discovery.h"

#include <algorithm>
#include <map>
#include <utility>

#include "api/meta/version.h"
#include "api/meta/words.h"

namespace server {
namespace {

using api::Json;
using api::schema::Catalog;
using api::schema::Kind;

Json Strings(const std::vector<std::string>& texts) {
  Json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return Json(std::move(array));
}

Json GroupVersion(const std::string& group, const std::string& version) {
  return Json::Of({{"groupVersion", group + "/" + version}, {"version", version}});
}

/// One group; its first version in the catalog is the preferred one. Null: no such group.
Json Group(const std::vector<api::schema::KindPtr>& kinds, const std::string& group) {
  Json::Array versions;
  for (const auto& kind : kinds) {
    if (kind->group != group) continue;
    Json version = GroupVersion(group, kind->version);
    if (std::find(versions.begin(), versions.end(), version) == versions.end()) versions.push_back(std::move(version));
  }
  if (versions.empty()) return {};
  Json preferred = versions.front();
  return Json::Of({{"name", group}, {"versions", std::move(versions)}, {"preferredVersion", std::move(preferred)}});
}

Json GroupList(const Catalog& catalog) {
  const auto kinds = catalog.kinds();
  std::vector<std::string> names;
  for (const auto& kind : kinds)
    if (!kind->group.empty() && std::find(names.begin(), names.end(), kind->group) == names.end())
      names.push_back(kind->group);
  Json::Array groups;
  for (const std::string& name : names) groups.push_back(Group(kinds, name));
  return Json::Of({{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}});
}

Json VerbsOf(const Kind& kind) {
  if (kind.is_review) return Strings({"create"});
  return Strings({"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"});
}

Json StatusVerbs() { return Strings({"get", "patch", "update"}); }

/// What both forms of discovery say in the same words.
void SayShortNames(const Kind& kind, Json& resource) {
  if (!kind.short_names.empty()) resource["shortNames"] = Strings(kind.short_names);
  if (!kind.categories.empty()) resource["categories"] = Strings(kind.categories);
}

void AppendResources(const Kind& kind, Json& resources) {
  Json main = Json::Of({{"name", kind.plural},
                        {"singularName", kind.singular},
                        {"namespaced", kind.is_namespaced},
                        {"kind", kind.kind},
                        {"verbs", VerbsOf(kind)}});
  SayShortNames(kind, main);
  resources.Append(std::move(main));
  if (!kind.has_status) return;
  resources.Append(Json::Of({{"name", kind.plural + "/status"},
                             {"singularName", ""},
                             {"namespaced", kind.is_namespaced},
                             {"kind", kind.kind},
                             {"verbs", StatusVerbs()}}));
}

Json AggregatedResource(const Kind& kind) {
  const Json response = Json::Of({{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}});
  Json resource = Json::Of({{"resource", kind.plural},
                            {"responseKind", response},
                            {"scope", kind.is_namespaced ? "Namespaced" : "Cluster"},
                            {"singularResource", kind.singular},
                            {"verbs", VerbsOf(kind)}});
  SayShortNames(kind, resource);
  if (kind.has_status)
    resource["subresources"] =
        Json(Json::Array{Json::Of({{"subresource", "status"}, {"responseKind", response}, {"verbs", StatusVerbs()}})});
  return resource;
}

/// The versions of one group, in the order of the catalog.
Json AggregatedVersions(const std::vector<api::schema::KindPtr>& kinds, const std::string& group) {
  std::vector<std::string> versions;
  std::map<std::string, Json::Array> resources;
  for (const auto& kind : kinds) {
    if (kind->group != group) continue;
    if (!api::HasWord(versions, kind->version)) versions.push_back(kind->version);
    resources[kind->version].push_back(AggregatedResource(*kind));
  }
  Json::Array array;
  for (const std::string& version : versions)
    array.push_back(
        Json::Of({{"version", version}, {"freshness", "Current"}, {"resources", std::move(resources[version])}}));
  return Json(std::move(array));
}

/// The core group's list is there even when it is empty: old clients ask for it first.
Json ResourceList(const Catalog& catalog, const std::string& group, const std::string& version) {
  Json resources{Json::Array{}};
  for (const auto& kind : catalog.kinds())
    if (kind->group == group && kind->version == version) AppendResources(*kind, resources);
  if (resources.size() == 0 && !group.empty()) return {};
  return Json::Of({{"kind", "APIResourceList"},
                   {"apiVersion", "v1"},
                   {"groupVersion", group.empty() ? version : group + "/" + version},
                   {"resources", std::move(resources)}});
}

Json Versions() {
  return Json::Of(
      {{"kind", "APIVersions"}, {"versions", Strings({"v1"})}, {"serverAddressByClientCIDRs", Json::Array{}}});
}

}  // namespace

Json VersionDocument() {
  return Json::Of({{"major", "1"},
                   {"minor", "30"},
                   {"gitVersion", "v1.30.0-hero"},
                   {"gitCommit", ""},
                   {"gitTreeState", "clean"},
                   {"buildDate", "2026-01-01T00:00:00Z"},  // Clients parse it, nobody uses it; a real one would spoil
                   {"goVersion", "none"},                  // reproducible builds.
                   {"compiler", "none"},
                   {"platform", "linux/amd64"},
                   {"heroVersion", api::kVersion}});
}

Json AggregatedDiscovery(const Catalog& catalog, bool is_core, std::string_view version) {
  const auto kinds = catalog.kinds();
  std::vector<std::string> groups;
  for (const auto& kind : kinds)
    if (kind->group.empty() == is_core && !api::HasWord(groups, kind->group)) groups.push_back(kind->group);
  Json::Array items;
  for (const std::string& group : groups) {
    // The core group has no name.
    const Json metadata = is_core ? Json::EmptyObject() : Json::Of({{"name", group}});
    items.push_back(Json::Of({{"metadata", metadata}, {"versions", AggregatedVersions(kinds, group)}}));
  }
  return Json::Of({{"kind", "APIGroupDiscoveryList"},
                   {"apiVersion", "apidiscovery.k8s.io/" + std::string(version)},
                   {"metadata", Json::EmptyObject()},
                   {"items", std::move(items)}});
}

Json DiscoveryDocument(const Catalog& catalog, const std::vector<std::string>& segments) {
  if (segments.empty() || segments.size() > 3) return {};
  if (segments[0] == "api") {
    if (segments.size() == 1) return Versions();
    return segments.size() == 2 && segments[1] == "v1" ? ResourceList(catalog, "", "v1") : Json();
  }
  if (segments[0] != "apis") return {};
  if (segments.size() == 1) return GroupList(catalog);
  if (segments.size() == 3) return ResourceList(catalog, segments[1], segments[2]);
  Json group = Group(catalog.kinds(), segments[1]);
  if (group.is_null()) return {};
  group["kind"] = "APIGroup";
  group["apiVersion"] = "v1";
  return group;
}

}  // namespace server
