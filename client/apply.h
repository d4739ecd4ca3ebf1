#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "client/wire_client.h"

/// Making objects as somebody's file has them: fields that the file gives become so, fields that an earlier version of
/// the file gave and this one does not are removed, all others are left to whoever set them.
namespace client {

/// Holds the file's object as it was applied last.
inline constexpr std::string_view kLastApplied = "hero.dev/last-applied";

/// The object as it is sent: without what only servers write (status, generation, times), and with a note of itself.
api::Json ToApply(api::Json object);

/// The merge patch that turns `current` into what `wanted` says, given what was applied last. An empty object: nothing
/// is to be changed. Lists are taken as a whole.
api::Json ThreeWayPatch(const api::Json& last_applied, const api::Json& wanted, const api::Json& current);

enum class Applied { kCreated, kConfigured, kUnchanged };

/// `created`, `configured`, `unchanged`.
std::string_view ToString(Applied applied);

struct ApplyResult {
  Applied what = Applied::kUnchanged;
  std::vector<std::string> warnings{};
};

/// Creates the object or patches the one there. `object` has apiVersion, kind and metadata.name; `namespace_` is for
/// one of a namespaced kind that names none. Errors: those of the server, and kNotFound for a kind that it does not
/// have.
api::Expected<ApplyResult> Apply(WireClient& client, const api::schema::Kind& kind, std::string_view namespace_,
                                 api::Json object, const reconciler::WriteOptions& options);

}  // namespace client
