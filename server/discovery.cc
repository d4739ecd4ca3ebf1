#include "server/discovery.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/meta/version.h"

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
Json Group(const Catalog& catalog, const std::string& group) {
  Json::Array versions;
  for (const auto& kind : catalog.kinds()) {
    if (kind->group != group) continue;
    Json version = GroupVersion(group, kind->version);
    if (std::find(versions.begin(), versions.end(), version) == versions.end()) versions.push_back(std::move(version));
  }
  if (versions.empty()) return {};
  Json preferred = versions.front();
  return Json::Of({{"name", group}, {"versions", std::move(versions)}, {"preferredVersion", std::move(preferred)}});
}

Json GroupList(const Catalog& catalog) {
  std::vector<std::string> names;
  for (const auto& kind : catalog.kinds())
    if (!kind->group.empty() && std::find(names.begin(), names.end(), kind->group) == names.end())
      names.push_back(kind->group);
  Json::Array groups;
  for (const std::string& name : names) groups.push_back(Group(catalog, name));
  return Json::Of({{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}});
}

void AppendResources(const Kind& kind, Json& resources) {
  Json main = Json::Of({{"name", kind.plural},
                        {"singularName", kind.singular},
                        {"namespaced", kind.is_namespaced},
                        {"kind", kind.kind},
                        {"verbs", Strings({"create", "delete", "get", "list", "patch", "update", "watch"})}});
  if (!kind.short_names.empty()) main["shortNames"] = Strings(kind.short_names);
  if (!kind.categories.empty()) main["categories"] = Strings(kind.categories);
  resources.Append(std::move(main));
  if (!kind.has_status) return;
  resources.Append(Json::Of({{"name", kind.plural + "/status"},
                             {"singularName", ""},
                             {"namespaced", kind.is_namespaced},
                             {"kind", kind.kind},
                             {"verbs", Strings({"get", "patch", "update"})}}));
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

Json DiscoveryDocument(const Catalog& catalog, const std::vector<std::string>& segments) {
  if (segments.empty() || segments.size() > 3) return {};
  if (segments[0] == "api") {
    if (segments.size() == 1) return Versions();
    return segments.size() == 2 && segments[1] == "v1" ? ResourceList(catalog, "", "v1") : Json();
  }
  if (segments[0] != "apis") return {};
  if (segments.size() == 1) return GroupList(catalog);
  if (segments.size() == 3) return ResourceList(catalog, segments[1], segments[2]);
  Json group = Group(catalog, segments[1]);
  if (group.is_null()) return {};
  group["kind"] = "APIGroup";
  group["apiVersion"] = "v1";
  return group;
}

}  // namespace server
