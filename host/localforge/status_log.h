#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "api/meta/time.h"
#include "host/forge.h"

namespace host::localforge {

/// The statuses of one repository's commits: a file `statuses` of JSON lines, oldest first, of which the newest of each
/// commit and context counts. Lines that are none, as a power cut leaves one, are passed over. Beyond kFileBytesMax the
/// older half is dropped.
class StatusLog {
 public:
  static constexpr std::size_t kFileBytesMax = 8u << 20;  ///< Some 40 000 statuses: years of a team.

  /// `directory` is open for reading and outlives this; `shown` names it in errors.
  StatusLog(int directory, std::string_view shown) : directory_(directory), shown_(shown) {}

  /// The newest status of each context at a commit, sorted by context.
  api::Expected<std::vector<CommitStatus>> Read(std::string_view commit) const;

  /// Appends one, whole or not at all. The caller holds the repository's lock.
  api::Expected<void> Append(std::string_view commit, const CommitStatus& status, api::Time now);

 private:
  api::Expected<std::string> Text() const;

  const int directory_;
  const std::string_view shown_;
};

}  // namespace host::localforge
