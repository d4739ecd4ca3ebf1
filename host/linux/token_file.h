#pragma once

#include <string>

#include "api/meta/expected.h"

namespace host::linux {

/// The one line of a file that holds a token: ours or root's, of mode 0600 or less, no link. Read anew for each use, so
/// that a new token needs no restart. Errors: kForbidden, which name the file and what to do; never what is in it.
api::Expected<std::string> ReadTokenFile(const std::string& path);

}  // namespace host::linux
