#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "host/accounts.h"
#include "host/processes.h"
#include "host/work.h"

namespace host::passwd {

/// The work of members of a real box; needs root. It is packed by herod-pack, a process that has become the member, so
/// an archive holds what its member could read and nothing else.
class MemberWork final : public Work {
 public:
  /// `root` is where /home is. `accounts` and `processes` are thread-safe and outlive us.
  MemberWork(std::string root, std::string packer, const Accounts& accounts, Processes& processes)
      : root_(std::move(root)), packer_(std::move(packer)), accounts_(accounts), processes_(processes) {}

  api::Expected<bool> IsThere(std::string_view home) const override;
  /// Errors also: kForbidden without an account of that home, kTimeout after an hour.
  api::Expected<Packed> Pack(std::string_view home, int descriptor, std::stop_token stop) override;

 private:
  // Constant after construction.
  std::string root_;
  std::string packer_;
  const Accounts& accounts_;
  Processes& processes_;
};

/// What herod-pack says of an archive, and what that means. Errors: kUnavailable for another text.
std::string TextOf(const Packed& packed);
api::Expected<Packed> PackedOf(std::string_view text);

}  // namespace host::passwd
