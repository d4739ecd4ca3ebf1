#include "reconciler/definition_rules.h"

#include <algorithm>
#include <utility>

#include "api/codec/fields.h"
#include "api/codec/object.h"
#include "api/codec/text.h"
#include "api/meta/words.h"

namespace reconciler {
namespace {

using api::Cause;
using api::Json;
using api::schema::Kind;
using api::schema::KindPtr;

Cause Invalid(std::string field, std::string_view value, std::string_view why) {
  return {std::move(field), "FieldValueInvalid", "Invalid value: \"" + std::string(value) + "\": " + std::string(why)};
}

std::vector<std::string> NamesOf(const Kind& kind) {
  std::vector<std::string> names{kind.plural, kind.singular};
  names.insert(names.end(), kind.short_names.begin(), kind.short_names.end());
  return names;
}

void CheckNames(const Kind& other, const Kind& next, std::vector<Cause>& causes) {
  const std::string taken = "is a name of " + other.resource();
  const auto names = NamesOf(other);
  if (api::HasWord(names, next.plural)) causes.push_back(Invalid("spec.names.plural", next.plural, taken));
  if (api::HasWord(names, next.singular)) causes.push_back(Invalid("spec.names.singular", next.singular, taken));
  for (const std::string& name : next.short_names)
    if (api::HasWord(names, name)) causes.push_back(Invalid("spec.names.shortNames", name, taken));
  for (const std::string* name : {&other.kind, &other.list_kind}) {
    if (*name == next.kind) causes.push_back(Invalid("spec.names.kind", next.kind, taken));
    if (*name == next.list_kind) causes.push_back(Invalid("spec.names.listKind", next.list_kind, taken));
  }
}

void CheckChange(const Kind& before, const Kind& next, std::vector<Cause>& causes) {
  const std::string scope = next.is_namespaced ? "Namespaced" : "Cluster";
  if (before.is_namespaced != next.is_namespaced) causes.push_back(Invalid("spec.scope", scope, "field is immutable"));
  if (before.kind != next.kind) causes.push_back(Invalid("spec.names.kind", next.kind, "field is immutable"));
  if (before.version != next.version)
    causes.push_back(Invalid("spec.versions", next.version,
                             "objects are stored as " + before.version + ", and versions are not converted here"));
}

/// One condition; its time is that of the last change of its status.
Json Condition(const Json* before, std::string_view type, bool is_true, std::string_view reason,
               std::string_view message, api::Time now) {
  Json condition = Json::Of({{"type", type},
                             {"status", is_true ? "True" : "False"},
                             {"reason", reason},
                             {"message", message},
                             {"lastTransitionTime", api::codec::FormatTime(now)}});
  if (!before || !before->array()) return condition;
  for (const Json& old : *before->array()) {
    const Json* time = old.Find("lastTransitionTime");
    if (time && old.Find("type") && *old.Find("type") == condition["type"] && old.Find("status") &&
        *old.Find("status") == condition["status"])
      condition["lastTransitionTime"] = *time;
  }
  return condition;
}

Json AcceptedNames(const Kind& kind) {
  Json names = Json::Of(
      {{"plural", kind.plural}, {"singular", kind.singular}, {"kind", kind.kind}, {"listKind", kind.list_kind}});
  if (!kind.short_names.empty()) names["shortNames"] = api::codec::Encode(kind.short_names);
  if (!kind.categories.empty()) names["categories"] = api::codec::Encode(kind.categories);
  return names;
}

}  // namespace

bool IsDefinition(const api::Object& object) {
  return object.kind == "CustomResourceDefinition" && object.api_version == "apiextensions.k8s.io/v1";
}

api::Expected<Kind> ForeignKindOf(const api::Object& definition) {
  auto kind = api::schema::KindFromCrd(api::codec::ObjectToJson(definition));
  if (!kind) return kind;
  kind->is_foreign = true;
  kind->is_going = definition.metadata.is_deleting();
  kind->never_deleted.clear();  // A promise of the program for its own kinds.
  return kind;
}

bool IsOwnGroup(const std::vector<KindPtr>& kinds, std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view group = name.substr(dot + 1);
  return std::any_of(kinds.begin(), kinds.end(),
                     [&](const KindPtr& kind) { return !kind->is_foreign && kind->group == group; });
}

std::vector<Cause> CheckDefinition(const std::vector<KindPtr>& kinds, const Kind& next) {
  std::vector<Cause> causes;
  for (const KindPtr& kind : kinds) {
    if (kind->group != next.group) continue;
    if (kind->plural == next.plural)
      CheckChange(*kind, next, causes);
    else
      CheckNames(*kind, next, causes);
  }
  return causes;
}

Json DefinitionStatus(const Kind& kind, const api::Object& before, bool is_going, api::Time now) {
  const Json* status = before.body.Find("status");
  const Json* old = status ? status->Find("conditions") : nullptr;
  Json conditions{Json::Array{}};
  conditions.Append(Condition(old, "NamesAccepted", true, "NoConflicts", "no conflicts found", now));
  conditions.Append(
      Condition(old, "Established", true, "InitialNamesAccepted", "the initial names have been accepted", now));
  if (is_going)
    conditions.Append(Condition(old, "Terminating", true, "InstanceDeletionInProgress",
                                "CustomResource deletion is in progress", now));
  return Json::Of({{"conditions", std::move(conditions)},
                   {"acceptedNames", AcceptedNames(kind)},
                   {"storedVersions", Json::Array{kind.version}}});
}

}  // namespace reconciler
