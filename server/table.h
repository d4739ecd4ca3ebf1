#pragma once

#include <string_view>

#include "api/meta/json.h"
#include "api/meta/time.h"
#include "api/schema/schema.h"
#include "server/negotiate.h"

/// Objects as Kubernetes' Table, from the printer columns of their kind, and as their metadata alone. Pure functions.
namespace server {

/// First the name, then the kind's columns; a kind without any has its age.
api::Json TableColumns(const api::schema::Kind& kind);
api::Json TableRow(const api::schema::Kind& kind, const api::Json& object, const Wanted& wanted, api::Time now);

/// The table itself, with the metadata of a list. `columns` may be null: in a watch only the first frame has them.
api::Json MakeTable(std::string_view version, api::Json metadata, api::Json columns, api::Json::Array rows);

/// PartialObjectMetadata of an object. `version` is that of meta.k8s.io, as in a table.
api::Json MetadataOf(const api::Json& object, std::string_view version);

}  // namespace server
