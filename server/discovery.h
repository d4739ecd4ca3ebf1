#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/json.h"
#include "api/schema/schema.h"

/// What kinds there are, as Kubernetes' clients ask for it. Pure functions of the catalog.
namespace server {

/// GET /version. `heroVersion` is ours, the rest is the Kubernetes release whose wire this is.
api::Json VersionDocument();

/// GET /api (`is_core`) or /apis as one document of all groups. `version` is that of apidiscovery.k8s.io.
api::Json AggregatedDiscovery(const api::schema::Catalog& catalog, bool is_core, std::string_view version);

/// The document of a discovery path: /api, /api/v1, /apis, /apis/GROUP, /apis/GROUP/VERSION. Null: it is none of these,
/// or there is no such group or version.
api::Json DiscoveryDocument(const api::schema::Catalog& catalog, const std::vector<std::string>& segments);

}  // namespace server
