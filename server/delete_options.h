#pragma once

#include <string_view>

#include "api/meta/expected.h"
#include "reconciler/client.h"
#include "server/http.h"

namespace server {

inline constexpr std::string_view kDeleteOptions = "DeleteOptions";

/// The options of a delete from query and body; where both say something the body counts. gracePeriodSeconds is read by
/// nobody: nothing here is stopped slowly. Errors: UnsupportedMediaType, BadRequest, InvalidOption.
api::Expected<reconciler::DeleteOptions> ReadDeleteOptions(const Request& request);

}  // namespace server
