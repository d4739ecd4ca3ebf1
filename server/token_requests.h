#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "host/clock.h"
#include "reconciler/audit.h"
#include "server/access.h"
#include "server/http.h"
#include "server/route.h"

/// Tokens as the control socket hands them out. No object of the store: nobody can list or watch what is kept of them.
///
/// GET /hero/v1/tokens (?user=jo): {"kind":"TokenList","items":[{"id":"…","user":"jo","role":"member",
///     "madeBy":"jo","made":"2026-11-20T20:58:51Z","expires":"2026-11-21T20:58:51Z"}]}, newest first
/// POST /hero/v1/tokens {"user":"jo","ttl":"24h","role":"visitor"}, all of it optional: 201 and the same of one, with
///     "token", which is never shown again, and how to connect: "server", "certificateAuthorityData"
/// DELETE /hero/v1/tokens/ID: 200
namespace server {

/// What somebody wants of the tokens.
struct TokenRequest {
  std::string verb{};
  Route route{};  ///< For Authorize: the kind `tokens`, in the namespace of the user whose they are.
  std::string user{};
  std::string ttl{};
  bool is_visitor = false;
};

bool IsTokenPath(const std::vector<std::string>& segments);

/// Errors: BadRequest, kNotFound.
api::Expected<TokenRequest> ReadTokenRequest(const Access& access, const Request& request);

/// Of a request that is allowed. `peer` is who opened the connection.
Response ServeTokenRequest(const Access& access, const TokenRequest& wanted, const Caller& caller, const Caller& peer,
                           reconciler::Audit& audit, const host::Clock& clock);

}  // namespace server
