#include <string>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/codec/yaml.h"
#include "client/text_table.h"
#include "client/wire_format.h"
#include "cmd/heroctl/commands.h"

namespace heroctl {
namespace {

using api::Expected;
using api::Json;

constexpr const char* kTokens = "/hero/v1/tokens";

std::string TextOf(const Json& json, std::string_view field) {
  const Json* found = json.Find(field);
  return found ? found->StringOr("") : "";
}

Expected<Json> Make(const Session& session, const Flags& flags) {
  Json wish = Json::EmptyObject();
  if (!flags.token_user.empty()) wish["user"] = flags.token_user;
  if (!flags.life.empty()) wish["ttl"] = flags.life;
  if (flags.is_visitor) wish["role"] = "visitor";
  return session.client.Ask(
      {.method = "POST", .target = kTokens, .content_type = "application/json", .body = api::codec::WriteJson(wish)});
}

/// As kubectl reads it. Whoever is an operator begins in `default`, a member in the own namespace.
Json ConfigOf(const Json& token, const std::string& server) {
  const std::string user = TextOf(token, "user");
  Json cluster = Json::Of({{"server", server}});
  if (const Json* authority = token.Find("certificateAuthorityData"))
    cluster["certificate-authority-data"] = *authority;
  const bool is_member = TextOf(token, "role") == "member";
  const std::string namespace_ = is_member ? api::codec::ObjectNameOf(user) : "default";
  const Json context = Json::Of({{"cluster", "hero"}, {"user", user}, {"namespace", namespace_}});
  return Json::Of({{"apiVersion", "v1"},
                   {"kind", "Config"},
                   {"clusters", Json(Json::Array{Json::Of({{"name", "hero"}, {"cluster", std::move(cluster)}})})},
                   {"users", Json(Json::Array{
                                 Json::Of({{"name", user}, {"user", Json::Of({{"token", TextOf(token, "token")}})}})})},
                   {"contexts", Json(Json::Array{Json::Of({{"name", "hero"}, {"context", context}})})},
                   {"current-context", "hero"}});
}

}  // namespace

/// The token alone goes to standard output, so that it can be kept without the rest.
int RunTokenCreate(const Session& session, const Flags& flags) {
  const auto made = Make(session, flags);
  if (!made) return Fail(session, made.error());
  session.err << "token " << api::codec::Printable(TextOf(*made, "id")) << " of "
              << api::codec::Printable(TextOf(*made, "user")) << " (" << api::codec::Printable(TextOf(*made, "role"))
              << "), until " << api::codec::Printable(TextOf(*made, "expires")) << "; it is not shown again\n";
  session.out << TextOf(*made, "token") << "\n";
  return 0;
}

int RunTokenList(const Session& session, const Flags& flags) {
  std::vector<std::pair<std::string, std::string>> query;
  if (!flags.token_user.empty()) query.emplace_back("user", flags.token_user);
  const auto list = session.client.Fetch(kTokens + client::QueryOf(query));
  if (!list) return Fail(session, list.error());
  std::vector<std::vector<std::string>> rows{{"ID", "USER", "ROLE", "MADE BY", "EXPIRES"}};
  if (const Json* items = list->Find("items"); items && items->array())
    for (const Json& item : *items->array()) {
      rows.emplace_back();
      for (const char* const field : {"id", "user", "role", "madeBy", "expires"})
        rows.back().push_back(api::codec::Printable(TextOf(item, field)));
    }
  if (rows.size() == 1)
    session.err << "No tokens.\n";
  else
    session.out << client::AlignColumns(rows);
  return 0;
}

int RunTokenRevoke(const Session& session, const Flags& flags) {
  int code = 0;
  for (const std::string& id : flags.objects) {
    const auto revoked = session.client.Ask({.method = "DELETE", .target = kTokens + ("/" + client::Escape(id))});
    if (revoked)
      session.out << "token " << api::codec::Printable(id) << " revoked\n";
    else
      code = Fail(session, revoked.error());
  }
  return code;
}

int RunKubeconfig(const Session& session, const Flags& flags) {
  const auto made = Make(session, flags);
  if (!made) return Fail(session, made.error());
  session.out << api::codec::WriteYaml(ConfigOf(*made, flags.server.empty() ? TextOf(*made, "server") : flags.server));
  session.err << "The token in it counts until " << api::codec::Printable(TextOf(*made, "expires")) << ".\n";
  return 0;
}

}  // namespace heroctl
