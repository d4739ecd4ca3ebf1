#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/v1/user.h"
#include "host/accounts.h"
#include "reconciler/plan.h"

/// Whose the account of a member's name is, and what it lacks. All pure (docs/adr/0015).
namespace controllers {

/// Beside a User, the number of the account that is herod's: written before the account is made or taken over, so that
/// neither a kill nor a group that somebody was put into can make a foreign account look like ours.
inline constexpr std::string_view kAccountClaim = "hero.dev/account-uid";

/// The claim on an account that is yet to get its number, of the box's own range.
inline constexpr std::string_view kNewAccount = "new";

struct ClaimRules {
  std::string member_group = "hero";         ///< Every member is in it.
  std::vector<std::string> never_adopted{};  ///< Accounts that are nobody's to declare: the driver.
};

std::string HomeOf(const api::v1::User& object);

/// Of an account that is there: it is in the claim, or it has the number that the status notes.
bool IsOurs(const api::v1::User& object, std::string_view claim, const host::Account& account);

/// The claim that has to be written before this account is made (no value: there is none) or taken over: a removed
/// member's own one, or one that `adopt = true` asks for. Errors: kForbidden `ForeignAccount`, with what to do.
api::Expected<std::string> ClaimOn(const api::v1::User& object, const std::optional<host::Account>& account,
                                   const ClaimRules& rules);

/// Writes the claim; nothing of the spec.
reconciler::Step ClaimStep(const api::v1::User& object, const std::optional<host::Account>& account,
                           const std::string& claim);

/// The wish that ends login and leaves the rest of an account as it is.
host::AccountWish ExpiryOf(const api::v1::User& object, const host::Account& account, const std::string& shell);

/// `display name, groups +developers -hero`; empty when the account is as wished.
std::string DifferenceOf(const host::Account& account, const host::AccountWish& wish);

/// Of the account's groups, those that herod does not manage.
std::vector<std::string> OtherGroups(const host::Account& account, const host::AccountWish& wish);

/// Digest of all that the wish says.
std::string DigestOf(const host::AccountWish& wish);

}  // namespace controllers
