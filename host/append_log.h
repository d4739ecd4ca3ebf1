#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// What a log ends with.
struct LogEnd {
  std::uint64_t size = 0;  ///< Of the whole log, in bytes. 0 also when it was moved away since.
  std::string tail{};
};

/// A file to which lines are only ever added. Thread-safe.
class AppendLog {
 public:
  virtual ~AppendLog() = default;

  /// Adds the line, whole or not at all; `line` has no line feed. Errors: kUnavailable.
  virtual api::Expected<void> Append(std::string_view line) = 0;

  /// How long it is, and its last bytes, `bytes_max` at most. Errors: kUnavailable.
  virtual api::Expected<LogEnd> End(std::size_t bytes_max) = 0;
};

}  // namespace host
