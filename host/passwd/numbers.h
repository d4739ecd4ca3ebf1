#pragma once

#include <string>
#include <utility>
#include <vector>

#include "host/accounts.h"

namespace host::passwd {

/// The numbers in passwd and group of a directory, which everybody may read: on a real box herod looks itself. Where
/// the files are absent nobody has one, as on a rootless box before its first account.
class FileNumbers final : public Numbers {
 public:
  explicit FileNumbers(std::string etc) : etc_(std::move(etc)) {}

  api::Expected<std::vector<NumberHolder>> HoldersOf(const api::v1::IdRange& range) const override;

 private:
  const std::string etc_;
};

}  // namespace host::passwd
