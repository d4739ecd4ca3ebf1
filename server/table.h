#pragma once

#include <string_view>

#include "api/meta/json.h"
#include "api/meta/time.h"
#include "api/schema/schema.h"
#include "server/negotiate.h"

/// Objects as Kubernetes' Table, from the printer columns of their kind. Pure functions.
namespace server {

/// First the name, then the kind's columns; a kind without any has its age.
api::Json TableColumns(const api::schema::Kind& kind);
api::Json TableRow(const api::schema::Kind& kind, const api::Json& object, Include include, api::Time now);

/// The table itself, with the metadata of a list. `columns` may be null: in a watch only the first frame has them.
api::Json MakeTable(std::string_view version, api::Json metadata, api::Json columns, api::Json::Array rows);

}  // namespace server
