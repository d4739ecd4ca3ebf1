#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/schema/schema.h"
#include "cmd/heroctl/flags.h"
#include "cmd/heroctl/session.h"

namespace heroctl {

/// One kind that was asked for, and which of its objects.
struct Asked {
  api::schema::KindPtr kind{};
  std::vector<std::string> names{};  ///< Empty: all of them.
};

struct AskedObjects {
  std::shared_ptr<const api::schema::Catalog> kinds{};  ///< All that there are.
  std::vector<Asked> asked{};
};

/// Reads `users`, `users alice bob`, `teams,users`, `user/alice team/core`. Names may have `_` for `-` (design D-10).
/// Errors: UsageError, and the server's when it cannot say which kinds there are.
api::Expected<AskedObjects> ReadObjects(const Session& session, const Flags& flags);

/// The namespace to look in: none for a cluster-scoped kind or all namespaces.
std::string NamespaceFor(const api::schema::Kind& kind, const Flags& flags);

/// `user.hero.dev/alice`: how kubectl names an object in a line.
std::string NameLine(const api::schema::Kind& kind, std::string_view name);

/// The objects that were asked for, one after the other, the first that cannot be had ends it.
api::Expected<std::vector<api::Json>> FetchObjects(const Session& session, const Flags& flags, const Asked& asked);

/// The objects that a command is to work on: the named ones, whether they are there or not, or with --all or -l those
/// that there are now. Errors: UsageError when it was not said which, and the server's.
api::Expected<std::vector<api::ObjectKey>> ReadKeys(const Session& session, const Flags& flags,
                                                    const AskedObjects& objects);

api::ObjectKey KeyOf(const api::schema::Kind& kind, const api::Json& object);

}  // namespace heroctl
