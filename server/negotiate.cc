#include "server/negotiate.h"

#include <algorithm>
#include <utility>

#include "api/meta/words.h"
#include "server/status.h"

namespace server {
namespace {

/// Cuts the part before `separator` off the front, without blanks around it.
std::string_view TakePart(std::string_view& rest, char separator) {
  const std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return api::Trimmed(part);
}

std::optional<Wanted> Serve(std::string_view entry, bool has_table) {
  const std::string_view type = TakePart(entry, ';');
  if (type != "application/json" && type != "application/*" && type != "*/*") return std::nullopt;
  std::string_view as;
  std::string_view group;
  std::string_view version;
  while (!entry.empty()) {
    std::string_view value = TakePart(entry, ';');
    const std::string_view name = TakePart(value, '=');
    if (name == "as") as = value;
    if (name == "g") group = value;
    if (name == "v") version = value;
  }
  if (as.empty()) return Wanted{};
  const bool is_served =
      has_table && as == "Table" && group == "meta.k8s.io" && (version == "v1" || version == "v1beta1");
  if (!is_served) return std::nullopt;
  return Wanted{.is_table = true, .table_version = std::string(version)};
}

}  // namespace

std::optional<Wanted> Negotiate(std::string_view accept, bool has_table) {
  if (accept.empty()) return Wanted{};
  while (!accept.empty())
    if (auto wanted = Serve(TakePart(accept, ','), has_table)) return wanted;
  return std::nullopt;
}

api::Expected<Wanted> ReadForm(const Request& request) {
  auto wanted = Negotiate(request.Find("accept"), true);
  if (!wanted)
    return api::Error{api::Code::kInvalid, "NotAcceptable",
                      "only the following media types are accepted: application/json"};
  const std::string_view include = request.target.query.Get("includeObject");
  if (include == "Object")
    wanted->include = Include::kObject;
  else if (include == "None")
    wanted->include = Include::kNone;
  else if (!include.empty() && include != "Metadata")
    return BadRequest("unrecognized includeObject value: \"" + std::string(include) + "\"");
  return *std::move(wanted);
}

}  // namespace server
