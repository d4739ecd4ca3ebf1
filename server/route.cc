#include "server/route.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

namespace server {
namespace {

using api::schema::Catalog;
using api::schema::KindPtr;
using Segments = std::span<const std::string>;

struct Resources {
  std::string_view group{};
  std::string_view version{};
  Segments rest{};
};

std::optional<Resources> SplitGroup(Segments segments) {
  if (segments.size() >= 3 && segments[0] == "api") return Resources{"", segments[1], segments.subspan(2)};
  if (segments.size() >= 4 && segments[0] == "apis") return Resources{segments[1], segments[2], segments.subspan(3)};
  return std::nullopt;
}

/// PLURAL[/NAME[/SUBRESOURCE]]
std::optional<Route> ReadTail(KindPtr kind, std::string_view namespace_, Segments rest) {
  if (!kind || rest.size() > 3) return std::nullopt;
  Route route{.kind = std::move(kind), .namespace_ = std::string(namespace_)};
  if (rest.size() > 1) route.name = rest[1];
  if (rest.size() > 2) route.subresource = rest[2];
  return route;
}

}  // namespace

std::optional<Route> FindRoute(const Catalog& catalog, const std::vector<std::string>& segments) {
  const auto resources = SplitGroup(segments);
  if (!resources) return std::nullopt;
  const Segments rest = resources->rest;
  const auto find = [&](std::string_view plural) {
    return catalog.FindPath(resources->group, resources->version, plural);
  };
  if (rest[0] == "namespaces" && rest.size() >= 3) {
    // Of the core group this may be a part of the Namespace itself: /api/v1/namespaces/alice/status.
    if (KindPtr kind = find(rest[2]); kind && kind->is_namespaced)
      return ReadTail(std::move(kind), rest[1], rest.subspan(2));
    if (!resources->group.empty()) return std::nullopt;
  }
  auto route = ReadTail(find(rest[0]), "", rest);
  if (!route || !route->kind->is_namespaced) return route;
  if (!route->name.empty()) return std::nullopt;
  route->is_everywhere = true;
  return route;
}

std::string VerbOf(const Request& request, const Route& route) {
  const bool is_collection = route.name.empty();
  if (request.method == "GET" || request.method == "HEAD") {
    if (!is_collection) return "get";
    return request.target.query.IsTrue("watch") ? "watch" : "list";
  }
  if (request.method == "POST") return "create";
  if (request.method == "PUT") return "update";
  if (request.method == "DELETE") return is_collection ? "deletecollection" : "delete";
  std::string verb = request.method;
  std::transform(verb.begin(), verb.end(), verb.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return verb;
}

}  // namespace server
