#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/v1/account_ids.h"
#include "host/accounts.h"

namespace host::passwd {

/// What a wish may ask for, whoever asks: the checks that the seam repeats behind everybody's back (design D-08, D-10;
/// docs/spec/host-verbs.md).
struct AccountRules {
  api::v1::IdRange members = api::v1::kMemberIds;
  api::v1::IdRange groups = api::v1::kGroupIds;
  /// The groups that may be managed at all (SEC-06); none given: every one that is not as good as root.
  std::optional<std::vector<std::string>> assignable_groups{};
};

/// Whether a number may be a member's: one that we give, or a person's (SEC-05).
inline bool MayBeMembers(std::int64_t uid, const AccountRules& rules) {
  return rules.members.Contains(uid) || api::v1::kPeopleIds.Contains(uid);
}

/// Whether a wish is one that may be fulfilled on any box. Errors: kInvalid for a field that cannot be, kForbidden for
/// one that must not.
api::Expected<void> CheckWish(const AccountWish& wish, const AccountRules& rules);

}  // namespace host::passwd
