#pragma once

#include <stop_token>
#include <string_view>

#include "api/meta/expected.h"
#include "host/archives.h"

namespace host {

/// The work of members, `~/hero`, as far as archives need it. Homes are named as passwd has them. Thread-safe.
class Work {
 public:
  virtual ~Work() = default;

  /// Whether there is any: `~/hero` is a directory. Errors: kForbidden (the home is a link), kUnavailable.
  virtual api::Expected<bool> IsThere(std::string_view home) const = 0;

  /// Packs it as Archives::Pack says, into an empty file that is open for writing. What was written before an error is
  /// no archive. Errors: as there, but for those of the file's name.
  virtual api::Expected<Packed> Pack(std::string_view home, int descriptor, std::stop_token stop) = 0;
};

}  // namespace host
