#include "host/passwd/account_rules.h"

#include <algorithm>
#include <array>

#include "api/meta/names.h"
#include "api/meta/words.h"
#include "api/v1/groups.h"
#include "host/linux/files.h"
#include "host/passwd/text_table.h"

namespace host::passwd {

namespace {

using api::Code;

/// Whether a name is one to libc and to the shadow tools alike.
bool IsGroupName(std::string_view name) {
  constexpr std::size_t kNameBytesMax = 32;  // GROUP_NAME_MAX_LENGTH of the shadow tools.
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_allowed) && !NumberOf(name);
}

api::Expected<void> CheckGroups(const AccountWish& wish, const AccountRules& rules) {
  const auto refuse = [&wish](Code code, const char* reason, const std::string& why) {
    return api::Error{.code = code, .reason = reason, .message = "account " + wish.name + ": " + why};
  };
  for (const std::string& group : wish.managed_groups) {
    if (group == wish.name) return refuse(Code::kInvalid, "InvalidAccount", "its own group cannot be managed");
    if (!IsGroupName(group)) {
      return refuse(Code::kInvalid, "InvalidAccount", "a managed group's name does not fit into the group file");
    }
    if (api::v1::IsRootEquivalent(group)) {
      return refuse(Code::kForbidden, "ForbiddenGroup", "group " + group + " is as good as root; take it out");
    }
    if (rules.assignable_groups && !api::HasWord(*rules.assignable_groups, group)) {
      return refuse(Code::kForbidden, "ForbiddenGroup",
                    "group " + group + " is not among the box's assignable groups; take it out or allow it there");
    }
  }
  for (const std::string& group : wish.groups) {
    if (!api::HasWord(wish.managed_groups, group)) {
      return refuse(Code::kInvalid, "InvalidAccount", "a group that it has to be in is not among the managed ones");
    }
  }
  return {};
}

}  // namespace

api::Expected<void> CheckWish(const AccountWish& wish, const AccountRules& rules) {
  if (api::v1::IsRootEquivalent(wish.name)) {  // Its own group would have that name.
    return api::Error{Code::kForbidden, "ForbiddenName",
                      "account " + wish.name + ": a group of that name is as good as root; choose another name"};
  }
  if (!api::IsUserName(wish.name)) {
    return api::Error{Code::kInvalid, "InvalidAccount",
                      "an account's name has 1 to 31 of a-z 0-9 _, begins with a letter, and has no _ at its end and "
                      "no two in a row"};
  }
  const auto invalid = [&wish](const std::string& why) {
    return api::Error{
        .code = Code::kInvalid, .reason = "InvalidAccount", .message = "account " + wish.name + ": " + why};
  };
  if (wish.home != "/home/" + wish.name) return invalid("its home has to be /home/" + wish.name);
  if (!FitsField(wish.gecos)) return invalid("the display name has a colon or a control character");
  if (!linux::IsPlainPath(wish.shell) || !FitsField(wish.shell)) {
    return invalid("the shell is no absolute path without colon, control character, . and ..");
  }
  if (wish.uid && !MayBeMembers(*wish.uid, rules)) {
    return api::Error{Code::kForbidden, "UidOutOfRange",
                      "account " + wish.name + ": the number " + std::to_string(*wish.uid) +
                          " is none of a member; members have " + std::to_string(rules.members.first) + " to " +
                          std::to_string(rules.members.last)};
  }
  return CheckGroups(wish, rules);
}

}  // namespace host::passwd
