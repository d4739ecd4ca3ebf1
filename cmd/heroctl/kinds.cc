#include <string>
#include <utility>
#include <vector>

#include "api/codec/text.h"
#include "client/text_table.h"
#include "cmd/heroctl/commands.h"

namespace heroctl {

int RunKinds(const Session& session, const Flags& flags) {
  if (!flags.output.empty() && flags.output != "name") return Fail(session, UsageError("-o is name or absent"));
  const auto kinds = session.client.Kinds();
  if (!kinds) return Fail(session, kinds.error());
  std::vector<std::vector<std::string>> rows{{"NAME", "SHORT", "APIVERSION", "NAMESPACED", "KIND"}};
  for (const auto& kind : (*kinds)->kinds()) {
    std::string short_names;
    for (const std::string& name : kind->short_names) short_names += (short_names.empty() ? "" : ",") + name;
    rows.push_back(
        {kind->plural, short_names, kind->api_version(), kind->is_namespaced ? "true" : "false", kind->kind});
    for (std::string& cell : rows.back()) cell = api::codec::Printable(cell);
    if (flags.output == "name") session.out << rows.back().front() << "\n";
  }
  if (flags.output.empty()) session.out << client::AlignColumns(rows);
  return 0;
}

}  // namespace heroctl
