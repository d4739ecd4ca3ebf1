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

/// Whether somebody may do it to objects: by the table of server/roles.h, and nowhere else. Without a route it is a
/// path of no kind, for which AuthorizePath is asked. Errors: kForbidden.
api::Expected<void> Authorize(const Caller& caller, std::string_view verb, const Route* route);

}  // namespace server
