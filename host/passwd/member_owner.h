#pragma once

#include <optional>
#include <string_view>
#include <sys/types.h>

#include "api/meta/expected.h"
#include "host/accounts.h"

namespace host::passwd {

/// The numbers of a member's account.
struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Whose home it is; no value when there is no such account. Errors: kInvalid for a path that is no member's home,
/// kForbidden for an account that is no person's or has another home.
api::Expected<std::optional<Owner>> OwnerOf(const Accounts& accounts, std::string_view home);

/// kForbidden: that home is not for this.
api::Error ForeignHome(std::string_view home, std::string_view why);

}  // namespace host::passwd
