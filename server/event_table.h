#pragma once

#include "api/meta/json.h"
#include "api/meta/time.h"

/// Events as Kubernetes' tables have them: an event's name says nothing, so it comes last, and most cells are made of
/// several fields. Pure functions.
namespace server {

/// The columns, in the form of a Table.
api::Json EventColumns();
/// The cells of one event in its core spelling.
api::Json EventCells(const api::Json& event, api::Time now);

}  // namespace server
