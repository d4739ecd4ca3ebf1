#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "api/codec/fields.h"
#include "api/meta/words.h"
#include "api/schema/faults.h"
#include "api/schema/schema.h"

/// KindFromCrd: apiextensions.k8s.io/v1 as one of our kinds.
namespace api::schema {
namespace {

struct CrdNames {
  std::string plural{};
  std::string singular{};
  std::string kind{};
  std::string list_kind{};
  std::vector<std::string> short_names{};
  std::vector<std::string> categories{};

  static void Fields(auto& self, auto&& field) {
    field("plural", self.plural);
    field("singular", self.singular);
    field("kind", self.kind);
    field("listKind", self.list_kind);
    field("shortNames", self.short_names);
    field("categories", self.categories);
  }
};

struct CrdColumn {
  std::string name{};
  std::string type{};
  std::string json_path{};
  std::string description{};
  std::int64_t priority = 0;

  static void Fields(auto& self, auto&& field) {
    field("name", self.name);
    field("type", self.type);
    field("jsonPath", self.json_path);
    field("description", self.description);
    field("priority", self.priority);
  }
};

struct CrdSubresources {
  std::optional<Json> status{};

  static void Fields(auto& self, auto&& field) { field("status", self.status); }
};

struct CrdConversion {
  std::string strategy{};

  static void Fields(auto& self, auto&& field) { field("strategy", self.strategy); }
};

struct CrdVersion {
  std::string name{};
  bool is_served = false;
  bool is_stored = false;
  Json schema{};
  CrdSubresources subresources{};
  std::vector<CrdColumn> columns{};

  static void Fields(auto& self, auto&& field) {
    field("name", self.name);
    field("served", self.is_served);
    field("storage", self.is_stored);
    field("schema", self.schema);
    field("subresources", self.subresources);
    field("additionalPrinterColumns", self.columns);
  }
};

struct CrdSpec {
  std::string group{};
  std::string scope{};
  CrdNames names{};
  std::vector<CrdVersion> versions{};
  CrdConversion conversion{.strategy = "None"};
  bool preserves_unknown_fields = false;

  static void Fields(auto& self, auto&& field) {
    field("group", self.group);
    field("scope", self.scope);
    field("names", self.names);
    field("versions", self.versions);
    field("conversion", self.conversion);
    field("preserveUnknownFields", self.preserves_unknown_fields);
  }
};

bool IsLower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// A part of a DNS name, such as a plural or a short name.
bool IsLabel(std::string_view text) {
  const auto is_inner = [](char c) { return IsLower(c) || c == '-'; };
  return !text.empty() && text.size() <= 63 && IsLower(text.front()) && IsLower(text.back()) &&
         std::all_of(text.begin(), text.end(), is_inner);
}

bool IsGroup(std::string_view text) {
  if (text.find('.') == std::string_view::npos) return false;  // Short groups are Kubernetes' own.
  for (std::size_t end = 0; end != std::string_view::npos; text.remove_prefix(std::min(end + 1, text.size()))) {
    end = text.find('.');
    if (!IsLabel(text.substr(0, end))) return false;
  }
  return true;
}

void CheckNames(const CrdSpec& spec, const Json& crd, Faults& faults) {
  const CrdNames& names = spec.names;
  if (!IsGroup(spec.group)) faults.AddInvalid("spec.group", "must be a DNS name with a dot, such as hero.dev");
  if (!IsLabel(names.plural)) faults.AddInvalid("spec.names.plural", "must be of a-z, 0-9 and -");
  if (names.kind.empty() || !std::isupper(static_cast<unsigned char>(names.kind.front())) ||
      !IsLabel(LowerCase(names.kind)))
    faults.AddInvalid("spec.names.kind", "must be letters and digits and begin with a capital");
  for (std::size_t i = 0; i < names.short_names.size(); ++i) {
    if (!IsLabel(names.short_names[i]))
      faults.AddInvalid("spec.names.shortNames[" + std::to_string(i) + "]", "must be of a-z, 0-9 and -");
  }
  if (spec.conversion.strategy != "None")
    faults.AddForbidden("spec.conversion.strategy", "versions are not converted here; serve one and leave it out");
  if (spec.preserves_unknown_fields)
    faults.AddForbidden("spec.preserveUnknownFields", "say x-kubernetes-preserve-unknown-fields in the schema");
  if (spec.scope != "Cluster" && spec.scope != "Namespaced")
    faults.Add("spec.scope", "FieldValueNotSupported", "must be Cluster or Namespaced");
  const std::string expected = names.plural + "." + spec.group;
  const Json* name = crd.At({"metadata", "name"});
  if (!name || name->StringOr("") != expected) faults.AddInvalid("metadata.name", "must be " + expected);
}

PrinterColumn ReadColumn(const CrdColumn& column, const std::string& path, Faults& faults) {
  constexpr std::array<std::string_view, 5> kTypes = {"boolean", "date", "integer", "number", "string"};
  if (column.name.empty()) faults.AddRequired(path + ".name");
  if (std::find(kTypes.begin(), kTypes.end(), column.type) == kTypes.end())
    faults.Add(path + ".type", "FieldValueNotSupported", "must be one of boolean, date, integer, number, string");
  if (const auto matches = EvaluatePath(Json(), column.json_path); !matches)
    faults.AddInvalid(path + ".jsonPath", matches.error().message);
  return {.name = column.name,
          .type = column.type,
          .json_path = column.json_path,
          .description = column.description,
          .priority = column.priority};
}

void ReadVersion(const CrdVersion& version, const std::string& path, Kind& kind, Faults& faults) {
  kind.version = version.name;
  kind.has_status = version.subresources.status.has_value();
  if (!IsLabel(version.name)) faults.AddInvalid(path + ".name", "must be of a-z, 0-9 and -, such as v1");
  if (!version.is_served) faults.AddInvalid(path + ".served", "the version that is stored must be served");
  for (std::size_t i = 0; i < version.columns.size(); ++i)
    kind.columns.push_back(
        ReadColumn(version.columns[i], path + ".additionalPrinterColumns[" + std::to_string(i) + "]", faults));
  const std::string schema_path = path + ".schema.openAPIV3Schema";
  const Json* schema = version.schema.Find("openAPIV3Schema");
  if (!schema) return faults.AddRequired(schema_path);
  auto loaded = Schema::FromJson(*schema, schema_path);
  if (loaded)
    kind.schema = *std::move(loaded);
  else
    faults.Take(loaded.error());
}

}  // namespace

Expected<Kind> KindFromCrd(const Json& crd) {
  Faults faults;
  const auto has = [&](std::string_view name, std::string_view value) {
    const Json* found = crd.Find(name);
    return found && found->StringOr("") == value;
  };
  if (!has("apiVersion", "apiextensions.k8s.io/v1")) faults.AddInvalid("apiVersion", "must be apiextensions.k8s.io/v1");
  if (!has("kind", "CustomResourceDefinition")) faults.AddInvalid("kind", "must be CustomResourceDefinition");
  if (!crd.Find("spec")) faults.AddRequired("spec");
  if (!faults.empty()) return faults.ToError("InvalidCrd");

  const auto spec = codec::Decode<CrdSpec>(*crd.Find("spec"), {.path = "spec", .refuse_unknown = true});
  if (!spec) return spec.error();
  CheckNames(*spec, crd, faults);
  const CrdNames& names = spec->names;
  Kind kind{.group = spec->group,
            .kind = names.kind,
            .list_kind = names.list_kind.empty() ? names.kind + "List" : names.list_kind,
            .plural = names.plural,
            .singular = names.singular.empty() ? LowerCase(names.kind) : names.singular,
            .short_names = names.short_names,
            .categories = names.categories,
            .is_namespaced = spec->scope == "Namespaced",
            .definition = crd};
  if (const Json* reason = crd.At({"metadata", "annotations", spec->group + "/never-deleted"}))
    kind.never_deleted = reason->StringOr("");
  if (const Json* source = crd.At({"metadata", "annotations", spec->group + "/declared-by"}))
    kind.declared_by = source->StringOr("");
  const auto is_stored = [](const CrdVersion& version) { return version.is_stored; };
  if (std::count_if(spec->versions.begin(), spec->versions.end(), is_stored) == 1) {
    const auto stored = std::find_if(spec->versions.begin(), spec->versions.end(), is_stored);
    for (auto version = spec->versions.begin(); version != spec->versions.end(); ++version) {
      const std::string path = "spec.versions[" + std::to_string(version - spec->versions.begin()) + "]";
      if (version == stored)
        ReadVersion(*version, path, kind, faults);
      else if (version->is_served)
        faults.AddForbidden(path + ".served", "versions are not converted here; only the stored one can be served");
    }
  } else {
    faults.AddInvalid("spec.versions", "exactly one version must have storage: true");
  }
  if (!faults.empty()) return faults.ToError("InvalidCrd");
  return kind;
}

}  // namespace api::schema
