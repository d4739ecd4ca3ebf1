#include "api/meta/version.h"

#include <string>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "cmd/heroctl/commands.h"

namespace heroctl {

using api::Json;

/// Without a daemon the own version is shown all the same, and the exit code says that one was missing.
int RunVersion(const Session& session, const Flags& flags) {
  if (!flags.output.empty() && flags.output != "json") return Fail(session, UsageError("-o is json or absent"));
  const auto server = session.client.Fetch("/version");
  Json both = Json::Of({{"clientVersion", Json::Of({{"heroVersion", api::kVersion}})}});
  if (server) both["serverVersion"] = *server;
  if (flags.output == "json") {
    session.out << api::codec::WritePrettyJson(both);
  } else {
    session.out << "heroctl " << api::kVersion << "\n";
    const Json* version = server ? server->Find("heroVersion") : nullptr;
    if (server) session.out << "herod   " << api::codec::Printable(version ? version->StringOr("") : "unknown") << "\n";
  }
  return server ? 0 : Fail(session, server.error());
}

}  // namespace heroctl
