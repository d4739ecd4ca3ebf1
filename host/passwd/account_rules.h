#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "host/accounts.h"

namespace host::passwd {

/// The ids that we give, both ends included.
struct IdRange {
  std::int64_t first = 0;
  std::int64_t last = 0;

  bool Contains(std::int64_t id) const { return id >= first && id <= last; }
};

struct IdRanges {
  // Members. People, to every tool (Debian's LAST_UID is 59999), but far above 1000 where an installer puts its own
  // people, and below what systemd (60001) and containers (100000) hand out. Ten thousand is the largest team that we
  // measure.
  IdRange members{20000, 29999};
  // Groups that members share. A range of their own, so that they leave no holes in the members' numbers.
  IdRange groups{30000, 30999};
  // Accounts that may be taken over: people, as Debian numbers them (SEC-05).
  IdRange people{1000, 59999};

  bool IsPerson(std::int64_t uid) const { return members.Contains(uid) || people.Contains(uid); }
};

/// What a wish may ask for, whoever asks: the checks that the seam repeats behind everybody's back (design D-08, D-10;
/// docs/spec/host-verbs.md).
struct AccountRules {
  IdRanges ids{};
  /// The groups that may be managed at all (SEC-06); none given: every one that is not as good as root.
  std::optional<std::vector<std::string>> assignable_groups{};
};

/// Whether a wish is one that may be fulfilled on any box. Errors: kInvalid for a field that cannot be, kForbidden for
/// one that must not.
api::Expected<void> CheckWish(const AccountWish& wish, const AccountRules& rules);

}  // namespace host::passwd
