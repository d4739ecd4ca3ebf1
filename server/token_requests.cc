#include "server/token_requests.h"

#include <utility>

#include "api/codec/fields.h"
#include "api/codec/json.h"
#include "api/codec/text.h"
#include "server/roles.h"
#include "server/status.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;

constexpr std::size_t kNameMax = 253;

/// What is in a POST.
struct Wish {
  std::optional<std::string> user{};
  std::optional<std::string> ttl{};
  std::optional<std::string> role{};

  static void Fields(auto& self, auto&& field) {
    field("user", self.user);
    field("ttl", self.ttl);
    field("role", self.role);
  }
};

Json JsonOf(const TokenRecord& record) {
  return Json::Of({{"id", record.id},
                   {"user", record.user},
                   {"role", record.role},
                   {"madeBy", record.made_by},
                   {"made", api::codec::FormatTime(record.made)},
                   {"expires", api::codec::FormatTime(record.expires)}});
}

Error NotFound(std::string_view id) {
  return {Code::kNotFound, "NotFound", "tokens \"" + api::codec::Printable(id, kNameMax) + "\" not found"};
}

Expected<void> ReadWish(const Request& request, TokenRequest& wanted) {
  if (request.body.empty()) return {};
  const auto json = api::codec::ParseJson(request.body);
  if (!json) return BadRequest(json.error().message);
  const auto wish = api::codec::Decode<Wish>(*json, {.refuse_unknown = true});
  if (!wish) return BadRequest(wish.error().message);
  if (wish->user) wanted.user = *wish->user;
  if (wanted.user.empty() || wanted.user.size() > kNameMax || api::codec::Printable(wanted.user) != wanted.user)
    return BadRequest("user is no name");
  wanted.ttl = wish->ttl.value_or("");
  if (wish->role && *wish->role != "visitor") return BadRequest("role is visitor, or absent");
  wanted.is_visitor = wish->role.has_value();
  return {};
}

/// What the token's user is, as far as the caller can give it away: what the caller has, or what the user is anyway.
Expected<TokenRecord> RecordOf(const Access& access, const TokenRequest& wanted, const Caller& caller) {
  TokenRecord record{.user = wanted.user, .made_by = caller.Actor()};
  if (wanted.is_visitor) {
    record.role = "visitor";
  } else if (caller.is_operator && wanted.user == caller.name) {
    record.role = "operator";
    record.account = caller.uid;
  } else {
    record.role = "member";
    record.member_uid = access.member ? access.member(wanted.user) : std::optional<std::string>("");
    if (!record.member_uid)
      return Error{Code::kInvalid, "Invalid",
                   wanted.user +
                       " is no member of this box, or deactivated; an operator makes the own token only, and "
                       "may make one of a visitor by any name"};
  }
  return record;
}

Response Create(const Access& access, const TokenRequest& wanted, const Caller& caller) {
  auto life = wanted.ttl.empty() ? Expected<std::chrono::milliseconds>(Tokens::kLifeDefault)
                                 : api::codec::ParseDuration(wanted.ttl);
  if (!life) return Refuse(BadRequest("ttl: " + life.error().message));
  auto record = RecordOf(access, wanted, caller);
  if (!record) return Refuse(record.error());
  const auto made = access.tokens->Create(*std::move(record), *life);
  if (!made) return Refuse(made.error());
  const Endpoint endpoint = access.endpoint();
  Json answer = JsonOf(made->record);
  answer["kind"] = "Token";
  answer["token"] = made->token.Reveal();
  answer["server"] = endpoint.server;
  if (!endpoint.authority.empty()) answer["certificateAuthorityData"] = api::codec::EncodeBase64(endpoint.authority);
  return JsonResponse(201, api::codec::WriteJson(answer));
}

Response List(const Access& access, const TokenRequest& wanted) {
  Json::Array items;
  for (const TokenRecord& record :
       access.tokens->List(wanted.user.empty() ? std::nullopt : std::optional<std::string_view>(wanted.user)))
    items.push_back(JsonOf(record));
  return JsonResponse(200, api::codec::WriteJson(Json::Of({{"kind", "TokenList"}, {"items", Json(std::move(items))}})));
}

Response Revoke(const Access& access, const TokenRequest& wanted) {
  if (auto revoked = access.tokens->Revoke(wanted.route.name); !revoked) return Refuse(revoked.error());
  return JsonResponse(
      200, api::codec::WriteJson(Json::Of(
               {{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Json::EmptyObject()}, {"status", "Success"}})));
}

}  // namespace

bool IsTokenPath(const std::vector<std::string>& segments) {
  return (segments.size() == 3 || segments.size() == 4) && segments[0] == "hero" && segments[1] == "v1" &&
         segments[2] == "tokens";
}

Expected<TokenRequest> ReadTokenRequest(const Access& access, const Request& request) {
  if (!access.tokens)
    return Error{Code::kNotFound, "NotFound",
                 "this box is served on its control socket only: set address in [serve] of herod.toml"};
  TokenRequest wanted{.user = request.caller.name};
  const bool has_id = request.target.segments.size() == 4;
  if (request.method == "GET" && !has_id) {
    wanted.verb = "list";
    if (request.caller.is_operator) wanted.user.clear();
    if (request.target.query.Has("user")) wanted.user = request.target.query.Get("user");
  } else if (request.method == "POST" && !has_id) {
    wanted.verb = "create";
    if (auto read = ReadWish(request, wanted); !read) return read.error();
  } else if (request.method == "DELETE" && has_id) {
    wanted.verb = "delete";
    const std::string& id = request.target.segments[3];
    const auto record = access.tokens->FindId(id);
    if (!record) return NotFound(id);
    wanted.user = record->user;
    wanted.route.name = id;
  } else {
    return MethodNotAllowed("tokens are listed (GET), made (POST) and revoked (DELETE /hero/v1/tokens/ID)");
  }
  wanted.route.kind = TokenKind();
  wanted.route.namespace_ = api::codec::ObjectNameOf(wanted.user);
  wanted.route.is_everywhere = wanted.user.empty();
  return wanted;
}

Response ServeTokenRequest(const Access& access, const TokenRequest& wanted, const Caller& caller, const Caller& peer,
                           reconciler::Audit& audit, const host::Clock& clock) {
  if (wanted.verb == "list") return List(access, wanted);
  if (wanted.verb == "create" && !peer.address.empty())
    return Refuse(
        {Code::kForbidden, "Forbidden", "tokens are made on the box, by heroctl: one that was stolen makes no others"});
  Response response = wanted.verb == "create" ? Create(access, wanted, caller) : Revoke(access, wanted);
  const bool is_done = response.status < 300;
  audit.Write({.time = clock.Now(),
               .actor = caller.Actor(),
               .verb = wanted.verb,
               .target = TokenKind()->resource() + "/" + wanted.route.namespace_ +
                         (wanted.route.name.empty() ? "" : "/" + wanted.route.name),
               .outcome = is_done ? "done" : "status " + std::to_string(response.status),
               .from = PlaceOf(peer)});
  return response;
}

}  // namespace server
