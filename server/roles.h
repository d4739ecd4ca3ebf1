#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/schema/schema.h"
#include "server/caller.h"
#include "server/route.h"

/// Who may do what (design D-07). Authorize in route.h, and AuthorizePath, are the only places that decide; both read
/// one table.
namespace server {

enum class Role { kOperator, kMember, kVisitor };

Role RoleOf(const Caller& caller);
std::string_view NameOf(Role role);

/// Where something may be done.
enum class Where { kNowhere, kOwnNamespace, kEverywhere };

/// What resources are to roles.
enum class Sort {
  kPlain,      ///< All that is none of the others, unknown kinds too.
  kFleet,      ///< What runs on the box: what a page for everybody shows.
  kSecret,     ///< Secrets of the core group: no such kind is served; a third party could add one.
  kToken,      ///< What /hero/v1/tokens is about.
  kSelf,       ///< Reviews of oneself: asking changes nothing.
  kReview,     ///< Reviews of others.
  kPerson,     ///< Users and groups as whom somebody acts (`impersonate`).
  kOwnStatus,  ///< `/status` of the kinds of this box: their controllers write it.
};

/// One line of the table.
struct Rule {
  Role role = Role::kVisitor;
  Sort sort = Sort::kPlain;
  Where reads = Where::kNowhere;   ///< get, list, watch
  Where writes = Where::kNowhere;  ///< every other verb
};

/// Every role with every sort.
const std::vector<Rule>& RoleTable();

Sort SortOf(const api::schema::Kind& kind, std::string_view subresource);

/// The kind of tokens, and of persons: names for Authorize. In no catalog.
api::schema::KindPtr TokenKind();
api::schema::KindPtr PersonKind();

/// The same for a path of no kind. Health, versions, discovery and schemas are everybody's; what the engine tells of
/// itself is not a visitor's. Errors: kForbidden.
api::Expected<void> AuthorizePath(const Caller& caller, const std::vector<std::string>& segments);
/// Which paths of no kind those are, as Kubernetes' rules name them: `/healthz`, `/apis/*`, `*`.
std::vector<std::string> ReadablePaths(const Caller& caller);

}  // namespace server
