#include "controllers/user/account.h"

#include <utility>

#include <fmt/format.h>

#include "api/codec/text.h"
#include "api/meta/words.h"
#include "api/v1/account_ids.h"
#include "api/v1/groups.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::v1::User;
using host::Account;
using host::AccountWish;

/// Whether the account is the one of a member who was removed and is declared again: its reserved number, its group,
/// and expired, as a removal leaves it and nobody who is at work.
bool IsLeftByRemoval(const User& object, const Account& account, std::string_view member_group) {
  const bool has_number = object.spec.uid ? account.uid == *object.spec.uid : api::v1::kMemberIds.Contains(account.uid);
  return has_number && account.is_expired && api::HasWord(account.groups, member_group);
}

Error Foreign(const User& object, const std::string& why) {
  return {Code::kForbidden, "ForeignAccount", "an account " + object.spec.name + " " + why};
}

/// Why not even `adopt = true` takes an account over; no value: it does.
std::optional<Error> RefuseAdoption(const User& object, const Account& account, const ClaimRules& rules) {
  const std::string other_name = "choose another name for the member";
  if (api::HasWord(rules.never_adopted, account.name))
    return Foreign(object, "is here that runs this box; " + other_name);
  if (!api::v1::kPeopleIds.Contains(account.uid))
    return Foreign(
        object, "is here that belongs to the system (its uid is " + std::to_string(account.uid) + "); " + other_name);
  for (const std::string& group : account.groups)
    if (api::v1::IsRootEquivalent(group))
      return Foreign(object, fmt::format("is here that is in the group {0}, which is as good as root and not for a "
                                         "file in git to hand over; take it out (gpasswd -d {1} {0}) or {2}",
                                         group, object.spec.name, other_name));
  if (account.has_root_group)
    return Foreign(object,
                   "is here whose primary group, or one with the number of a group as good as root, is not for "
                   "a file in git to hand over; give it another (usermod -g, gpasswd -d) or " +
                       other_name);
  if (account.home != HomeOf(object))
    return Foreign(object, "is here with another home than " + HomeOf(object) +
                               ", and homes are not moved; move it first (usermod -m -d " + HomeOf(object) + " " +
                               object.spec.name + ")");
  return std::nullopt;
}

/// Of the groups that herod manages, those the account is in.
std::vector<std::string> ManagedGroups(const Account& account, const AccountWish& wish) {
  std::vector<std::string> groups;
  for (const std::string& group : account.groups)
    if (api::HasWord(wish.managed_groups, group)) groups.push_back(group);
  return groups;
}

}  // namespace

std::string HomeOf(const User& object) { return "/home/" + object.spec.name; }

bool IsOurs(const User& object, std::string_view claim, const Account& account) {
  if (claim == std::to_string(account.uid) || object.status.uid == account.uid) return true;
  return claim == kNewAccount && api::v1::kMemberIds.Contains(account.uid);
}

Expected<std::string> ClaimOn(const User& object, const std::optional<Account>& account, const ClaimRules& rules) {
  if (!account) return object.spec.uid ? std::to_string(*object.spec.uid) : std::string(kNewAccount);
  if (IsLeftByRemoval(object, *account, rules.member_group)) return std::to_string(account->uid);
  if (!object.spec.adopt)
    return Foreign(object, "is here that herod did not make; set adopt = true in " + object.spec.source.path +
                               " to take it over, or choose another name");
  if (auto refused = RefuseAdoption(object, *account, rules)) return *std::move(refused);
  return std::to_string(account->uid);
}

reconciler::Step ClaimStep(const User& object, const std::optional<Account>& account, const std::string& claim) {
  reconciler::PutObject put{
      .key = {api::ResourceName(User::kInfo), "", object.metadata.name},
      .api_version = api::codec::ApiVersionOf(User::kInfo),
      .kind = std::string(User::kInfo.kind),
  };
  put.patch["metadata"]["annotations"][std::string(kAccountClaim)] = claim;
  return {.text = {.verb = "claim account",
                   .target = object.spec.name,
                   .reason = account ? "is here already with the uid " + claim : "the one to come is herod's",
                   .desired = api::codec::Sha256Hex(claim)},
          .effect = std::move(put)};
}

std::string DifferenceOf(const Account& account, const AccountWish& wish) {
  std::string text;
  const auto add = [&](std::string_view what) { text += (text.empty() ? "" : ", ") + std::string(what); };
  if (account.gecos != wish.gecos) add("display name");
  if (account.shell != wish.shell) add("shell");
  if (account.home != wish.home) add("home");
  if (account.is_expired != wish.is_expired) add(wish.is_expired ? "is not expired" : "is expired");
  const auto have = ManagedGroups(account, wish);
  std::string groups;
  for (const std::string& group : wish.groups)
    if (!api::HasWord(have, group)) groups += (groups.empty() ? "+" : " +") + group;
  for (const std::string& group : have)
    if (!api::HasWord(wish.groups, group)) groups += (groups.empty() ? "-" : " -") + group;
  if (!groups.empty()) add("groups " + groups);
  return text;
}

AccountWish ExpiryOf(const User& object, const Account& account, const std::string& shell) {
  return {.name = account.name, .gecos = account.gecos, .home = HomeOf(object), .shell = shell, .is_expired = true};
}

std::vector<std::string> OtherGroups(const Account& account, const AccountWish& wish) {
  std::vector<std::string> groups;
  for (const std::string& group : account.groups)
    if (!api::HasWord(wish.managed_groups, group)) groups.push_back(group);
  return groups;
}

std::string DigestOf(const AccountWish& wish) {
  std::string text =
      wish.gecos + "\n" + wish.home + "\n" + wish.shell + "\n" + (wish.is_expired ? "expired" : "active");
  for (const std::string& group : wish.groups) text += "\n" + group;
  return api::codec::Sha256Hex(text);
}

}  // namespace controllers
