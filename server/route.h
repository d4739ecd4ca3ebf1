#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/schema/schema.h"
#include "server/caller.h"
#include "server/event_spelling.h"
#include "server/http.h"

namespace server {

/// Objects that a path is about.
struct Route {
  api::schema::KindPtr kind{};
  std::string namespace_{};    ///< Empty: a cluster-scoped kind, or all namespaces.
  std::string name{};          ///< Empty: the collection.
  std::string subresource{};   ///< `status`
  bool is_everywhere = false;  ///< The collection of a namespaced kind over all namespaces: it can only be read.

  /// Where its objects are stored.
  std::string resource() const { return StoredResource(*kind); }
  api::ObjectKey key() const { return {resource(), namespace_, name}; }
};

/// `/apis/G/V/[namespaces/N/]PLURAL[/NAME[/SUBRESOURCE]]`, the core group below `/api`. None: no such kind, or the
/// wrong scope.
std::optional<Route> FindRoute(const api::schema::Catalog& catalog, const std::vector<std::string>& segments);

/// Kubernetes' verb of a request: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; of
/// any other method its name in lower case.
std::string VerbOf(const Request& request, const Route& route);

/// What somebody wants to do. Without a route it is a path of no kind, such as discovery, and all of those are read.
/// Errors: kForbidden. The only place that decides who may do what.
api::Expected<void> Authorize(const Caller& caller, std::string_view verb, const Route* route);

}  // namespace server
