#pragma once

#include <string>
#include <string_view>

#include "host/accounts.h"
#include "host/homes.h"
#include "host/processes.h"

namespace host::passwd {

struct HomesOptions {
  std::string root = "/";              ///< Where /home is.
  std::string skeleton = "/etc/skel";  ///< Copied into a new home, as useradd does; nothing when it is absent.
  std::string helper{};                ///< The path of herod-home, which writes as the member.
};

/// The homes of a real box, each owned by its member; needs root. Whose a home is, is asked of the accounts, whoever
/// calls: /home/alice is alice's alone, and nothing is done for an account that is no person's. We only look, and only
/// through descriptors; what is written in a home is written by a process that has become the member (D-09, SEC-15).
class MemberHomes final : public Homes {
 public:
  /// `accounts` and `processes` are thread-safe and outlive us.
  MemberHomes(HomesOptions options, const Accounts& accounts, Processes& processes)
      : options_(std::move(options)), accounts_(accounts), processes_(processes) {}

  /// Of a home whose account is absent only that it exists.
  api::Expected<HomeState> Look(std::string_view home) const override;
  /// A directory that is there is never given to anybody: one of another uid is kForbidden `ForeignHome`. Errors also:
  /// kForbidden unless the account of that home has this uid and gid, and when others than root could write to /home.
  api::Expected<void> EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) override;
  /// Errors also: kTimeout when the member's process does not end, kUnavailable when it was killed.
  api::Expected<void> WriteAuthorizedKeys(std::string_view home, std::string_view content) override;

 private:
  // Constant after construction.
  HomesOptions options_;
  const Accounts& accounts_;
  Processes& processes_;
};

}  // namespace host::passwd
