#include <string>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "client/engine_text.h"
#include "client/wire_format.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"

namespace heroctl {
namespace {

/// `/hero/v1/why?resource=users.hero.dev&name=alice` for one object.
api::Expected<std::string> TargetOf(const Session& session, const Flags& flags) {
  const auto objects = ReadObjects(session, flags);
  if (!objects) return objects.error();
  const Asked& asked = objects->asked.front();
  if (objects->asked.size() > 1 || asked.names.size() != 1)
    return UsageError("why takes one object: heroctl why KIND NAME");
  std::vector<std::pair<std::string, std::string>> query{{"resource", asked.kind->resource()},
                                                         {"name", asked.names.front()}};
  if (asked.kind->is_namespaced) query.emplace_back("namespace", NamespaceFor(*asked.kind, flags));
  return "/hero/v1/why" + client::QueryOf(query);
}

}  // namespace

int RunWhy(const Session& session, const Flags& flags) {
  if (!flags.output.empty() && flags.output != "json") return Fail(session, UsageError("-o is json or absent"));
  const auto target = TargetOf(session, flags);
  if (!target) return Fail(session, target.error());
  const auto history = session.client.Fetch(*target);
  if (!history) return Fail(session, history.error());
  const auto text = client::FormatHistory(*history, session.clock.Now());
  if (!text) return Fail(session, text.error());
  session.out << (flags.output == "json" ? api::codec::WritePrettyJson(*history) : *text);
  if (text->empty() && flags.output.empty())
    session.err << "No passes are known: none since herod began, or too long ago.\n";
  return 0;
}

}  // namespace heroctl
