#pragma once

#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// A short text that outlives the process, for nobody but us to read. Thread-safe.
class KeptText {
 public:
  virtual ~KeptText() = default;

  /// Empty when there is none yet. Errors: kUnavailable, kForbidden (others could have read or written it).
  virtual api::Expected<std::string> Read() = 0;
  /// Replaces it whole; it is on the disk afterwards. Errors: kUnavailable, and the text is as it was.
  virtual api::Expected<void> Replace(std::string_view text) = 0;
};

}  // namespace host
