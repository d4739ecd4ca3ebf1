#pragma once

#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// A file to which lines are only ever added. Thread-safe.
class AppendLog {
 public:
  virtual ~AppendLog() = default;

  /// Adds the line, whole or not at all; `line` has no line feed. Errors: kUnavailable.
  virtual api::Expected<void> Append(std::string_view line) = 0;
};

}  // namespace host
