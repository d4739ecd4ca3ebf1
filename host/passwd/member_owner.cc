#include "host/passwd/member_owner.h"

#include <string>

#include "api/meta/names.h"
#include "host/passwd/account_rules.h"

namespace host::passwd {

api::Error ForeignHome(std::string_view home, std::string_view why) {
  return {.code = api::Code::kForbidden,
          .reason = "ForeignHome",
          .message = "home " + std::string(home) + ": " + std::string(why)};
}

api::Expected<std::optional<Owner>> OwnerOf(const Accounts& accounts, std::string_view home) {
  constexpr std::string_view kHomes = "/home/";
  const std::string_view name = home.starts_with(kHomes) ? home.substr(kHomes.size()) : std::string_view();
  if (!api::IsUserName(name)) {
    return api::Error{api::Code::kInvalid, "InvalidHome",
                      "home " + std::string(home) + " is not /home and a member's name"};
  }
  const auto account = accounts.Find(name);
  if (!account) return account.error();
  if (!*account) return std::optional<Owner>();
  if ((*account)->home != home) return ForeignHome(home, "the account of that name has another one");
  if (!MayBeMembers((*account)->uid, {})) return ForeignHome(home, "the account of that name is no person's");
  return std::optional<Owner>(Owner{static_cast<uid_t>((*account)->uid), static_cast<gid_t>((*account)->gid)});
}

}  // namespace host::passwd
