#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "server/http.h"

namespace server {

/// What a table's row carries of its object beside the cells (`includeObject`).
enum class Include { kMetadata, kObject, kNone };

/// In which form a client wants objects.
struct Wanted {
  bool is_table = false;
  std::string table_version = "v1";  ///< Of meta.k8s.io: `v1`, or `v1beta1` for old clients.
  Include include = Include::kMetadata;
};

/// The first entry of `Accept` that can be served; none: 406. `has_table`: the answer is objects.
std::optional<Wanted> Negotiate(std::string_view accept, bool has_table);

/// The form of the objects that a request asks for. Errors: NotAcceptable, or BadRequest for an unknown
/// `includeObject`.
api::Expected<Wanted> ReadForm(const Request& request);

}  // namespace server
