#pragma once

#include <sys/types.h>

#include "api/meta/expected.h"
#include "cmd/config/config.h"

namespace herod {

/// The number of the account that herod runs as on a real box. Errors: kNotFound when there is none, kForbidden when it
/// is root's; both say what to do.
api::Expected<uid_t> DriverNumber(const BoxSection& box);

}  // namespace herod
