#pragma once

#include <cstdint>

namespace api::v1 {

/// Numbers of accounts and groups, both ends included.
struct IdRange {
  std::int64_t first = 0;
  std::int64_t last = 0;

  constexpr bool Contains(std::int64_t id) const { return id >= first && id <= last; }
};

/// Accounts of people, as Debian numbers them (policy 9.2.2). Those below and above belong to the system and are never
/// taken over (SEC-05).
inline constexpr IdRange kPeopleIds{1000, 59999};

/// What a box gives to the accounts that it makes. People, to every tool, but far above 1000 where an installer puts
/// its own people, and below what systemd (60001) and containers (100000) hand out. Ten thousand is the largest team
/// that we measure. useradd may give such a number too, for it takes the highest and one more: a number of this range
/// proves nothing.
inline constexpr IdRange kMemberIds{20000, 29999};

/// Groups that members share. A range of their own, so that they leave no holes in the members' numbers.
inline constexpr IdRange kGroupIds{30000, 30999};

}  // namespace api::v1
