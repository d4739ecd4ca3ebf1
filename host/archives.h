#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// Where the work of removed members is kept: `<name>-<timestamp>.tar.gz`, in a directory of mode 0700. Homes are named
/// as passwd has them. Thread-safe.
class Archives {
 public:
  virtual ~Archives() = default;

  /// Whether a complete archive of that file name is there. A broken-off one has another name, so it never counts.
  virtual api::Expected<bool> Has(std::string_view file_name) const = 0;

  /// Whether there is anything to archive: `~/hero` is a directory.
  virtual api::Expected<bool> IsWorthwhile(std::string_view home) const = 0;

  /// Packs `<home>/hero` (names inside start with `hero/`; owners, modes and times kept; links kept as links; sockets,
  /// FIFOs and devices left out) into a temporary file, fsyncs and renames it. Takes as long as the home is large,
  /// reports no progress, ends early with kUnavailable when stop is asked for. What changes meanwhile is packed as it
  /// is when it is reached. Errors: kNotFound (nothing to archive), kForbidden (the home is a link), kInvalid
  /// (file_name), kUnavailable (disk full, unreadable or too deep file: named).
  virtual api::Expected<void> Pack(std::string_view home, std::string_view file_name, std::stop_token stop) = 0;
};

}  // namespace host
