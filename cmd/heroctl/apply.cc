#include "client/apply.h"

#include <cstddef>
#include <memory>
#include <string>

#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"
#include "cmd/heroctl/sources.h"

namespace heroctl {
namespace {

using api::Expected;
using api::Json;
using reconciler::FieldValidation;

reconciler::WriteOptions OptionsOf(const Flags& flags) {
  const FieldValidation validation = flags.validation == "strict" ? FieldValidation::kStrict
                                     : flags.validation == "warn" ? FieldValidation::kWarn
                                                                  : FieldValidation::kIgnore;
  return {.is_dry_run = flags.dry_run == "server", .field_validation = validation};
}

Expected<void> ApplyOne(const Session& session, const Flags& flags, const api::schema::Catalog& kinds,
                        const client::Document& document) {
  if (!document.object) return document.object.error();
  const Json& object = *document.object;
  const std::string api_version = object.Find("apiVersion")->StringOr("");
  const std::string kind_name = object.Find("kind")->StringOr("");
  const api::schema::KindPtr kind = kinds.FindKind(api_version, kind_name);
  if (!kind)
    return UsageError("the server has no kind \"" + kind_name + "\" in \"" + api_version + "\"; see heroctl kinds")
        .Within(document.place);
  const auto applied = client::Apply(session.client, *kind, NamespaceFor(*kind, flags), object, OptionsOf(flags));
  if (!applied) return applied.error().Within(document.place);
  session.out << NameLine(*kind, KeyOf(*kind, object).name) << " " << ToString(applied->what)
              << (flags.dry_run == "server" ? " (server dry run)" : "") << std::endl;
  Warn(session, document.place, applied->warnings);
  return {};
}

}  // namespace

/// What is good is applied, whatever stands beside it; what is not is told one by one, and counted at the end.
int RunApply(const Session& session, const Flags& flags) {
  const auto documents = ReadSources(session, flags);
  if (!documents) return Fail(session, documents.error());
  const auto kinds = session.client.Kinds();
  if (!kinds) return Fail(session, kinds.error());
  std::size_t failed = 0;
  for (const client::Document& document : *documents) {
    const auto applied = ApplyOne(session, flags, **kinds, document);
    if (applied) continue;
    ++failed;
    Fail(session, applied.error());
  }
  if (failed == 0) return 0;
  const std::size_t applied = documents->size() - failed;
  return Fail(session, UsageError(std::to_string(failed) + " of " + std::to_string(documents->size()) +
                                  " objects could not be applied, " + std::to_string(applied) +
                                  (applied == 1 ? " was" : " were") + "; mend what is named above and apply again"));
}

}  // namespace heroctl
