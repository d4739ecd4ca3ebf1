#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "client/plan_text.h"
#include "client/wire_format.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"
#include "cmd/heroctl/plan_team.h"

namespace heroctl {
namespace {

constexpr int kChanges = 2;  // Scripts rely on it.

/// Of everything, of a kind, or of one object.
api::Expected<std::string> TargetOf(const Session& session, const Flags& flags) {
  const std::string path = "/hero/v1/plan";
  if (flags.objects.empty()) return path;
  const auto objects = ReadObjects(session, flags);
  if (!objects) return objects.error();
  const Asked& asked = objects->asked.front();
  if (objects->asked.size() > 1 || asked.names.size() > 1) return UsageError("plan takes one kind, or one object");
  std::vector<std::pair<std::string, std::string>> query{{"resource", asked.kind->resource()}};
  if (!asked.names.empty()) query.emplace_back("name", asked.names.front());
  if (!asked.names.empty() && asked.kind->is_namespaced)
    query.emplace_back("namespace", NamespaceFor(*asked.kind, flags));
  return path + client::QueryOf(query);
}

api::Expected<api::Json> PlanOfBox(const Session& session, const Flags& flags) {
  const auto target = TargetOf(session, flags);
  if (!target) return target.error();
  return session.client.Fetch(*target);
}

/// A path, and no word that could be a kind: `users` is both in a hero_team.
bool IsDirectory(const Flags& flags) {
  if (!flags.against.empty()) return true;
  if (flags.objects.size() != 1) return false;
  const std::string& typed = flags.objects.front();
  const std::filesystem::path path(typed);
  std::error_code error;
  return typed == "." || typed == ".." ||
         (typed.find('/') != std::string::npos && std::filesystem::is_directory(path, error));
}

}  // namespace

int RunPlan(const Session& session, const Flags& flags) {
  if (!flags.output.empty() && flags.output != "json") return Fail(session, UsageError("-o is json or absent"));
  const auto plan = IsDirectory(flags) ? PlanTeamDirectory(flags) : PlanOfBox(session, flags);
  if (!plan) return Fail(session, plan.error());
  const auto text = client::FormatPlan(*plan);
  if (!text) return Fail(session, text.error());
  session.out << (flags.output == "json" ? api::codec::WritePrettyJson(*plan) : text->text);
  if (text->has_problems) return 1;
  return text->has_changes ? kChanges : 0;
}

}  // namespace heroctl
