#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "api/schema/schema.h"
#include "client/transport.h"
#include "reconciler/snapshot.h"
#include "reconciler/watch.h"

/// The wire's texts as values: the other direction of what the server writes. Pure functions.
namespace client {

/// Percent-codes what is not unreserved in a URL.
std::string Escape(std::string_view text);

/// `/apis/hero.dev/v1/namespaces/alice/bindings/x/status`; empty parts are left out.
std::string PathOf(const api::schema::Kind& kind, std::string_view namespace_, std::string_view name = "",
                   std::string_view subresource = "");

/// `?a=b&c=d`, nothing without parameters.
std::string QueryOf(const std::vector<std::pair<std::string, std::string>>& parameters);

/// The error in an answer: a Status, or whatever else a server says.
api::Error ErrorOf(const HttpResponse& response);
/// The error in a Status object, as an ERROR frame of a watch has it.
api::Error ErrorOfStatus(const api::Json& status);

/// The texts of `Warning: 299 - "…"` headers.
std::vector<std::string> WarningsOf(const HttpResponse& response);

/// `metadata.resourceVersion` of an object or a list; 0 when there is none.
api::ResourceVersion VersionOf(const api::Json& object);

/// An object of that kind, as the store would show it. Errors: kInternal for what is no object or has no name.
api::Expected<reconciler::SnapshotPtr> SnapshotOf(const api::schema::Kind& kind, const api::Json& json);

/// One line of a watch. An ERROR frame is an error. `previous` is always null: the wire does not have it.
api::Expected<reconciler::Event> EventOf(const api::schema::Kind& kind, std::string_view line);

/// The kinds in an APIResourceList, without schemas and columns.
api::Expected<std::vector<api::schema::Kind>> KindsOf(const api::Json& resource_list);

}  // namespace client
