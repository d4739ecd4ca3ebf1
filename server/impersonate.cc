#include "server/impersonate.h"

#include <algorithm>
#include <string>

#include "api/codec/text.h"
#include "server/roles.h"
#include "server/route.h"
#include "server/status.h"

namespace server {
namespace {

constexpr std::string_view kPrefix = "impersonate-";
constexpr std::string_view kHeader = "impersonate-user";
constexpr std::size_t kNameMax = 253;   // As every name on the wire.
constexpr std::size_t kQuotedMax = 64;  // How much of a wrong name an error repeats.

/// What account names and addresses are made of. No colon: names such as `system:controller:user` are the daemon's own.
bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '@';
  });
}

}  // namespace

api::Expected<Caller> ActingCaller(const Request& request) {
  const Caller& caller = request.caller;
  const auto is_ours = [](const Header& header) { return header.name.starts_with(kPrefix); };
  const auto found = std::find_if(request.headers.begin(), request.headers.end(), is_ours);
  if (found == request.headers.end()) return caller;
  const std::string quoted = "\"" + api::codec::Printable(found->value, kQuotedMax) + "\"";
  const Route person{.kind = PersonKind(), .name = api::codec::Printable(found->value, kQuotedMax)};
  if (auto allowed = Authorize(caller, "impersonate", &person); !allowed) return allowed.error();
  for (const Header& header : request.headers)
    if (is_ours(header) && header.name != kHeader)
      return BadRequest("the header " + header.name + " is not served; name a member in Impersonate-User alone");
  if (std::count_if(request.headers.begin(), request.headers.end(), is_ours) > 1)
    return BadRequest("Impersonate-User stands twice");
  if (!IsName(found->value))
    return BadRequest("Impersonate-User: " + quoted +
                      " is no member's name: letters, digits and . _ - @ make one, at most 253 of them");
  return Caller{.uid = kNoAccount,
                .gid = kNoAccount,
                .pid = caller.pid,
                .name = found->value,
                .impersonator = caller.name,
                .address = caller.address,
                .from = caller.from};
}

}  // namespace server
