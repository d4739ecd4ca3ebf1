#include "reconciler/admission.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "api/codec/text.h"
#include "api/meta/json_patch.h"
#include "reconciler/finalizers.h"

namespace reconciler {
namespace {

using api::Cause;
using api::Code;
using api::Error;

constexpr std::size_t kNameMax = 253;    // RFC 1123 subdomain.
constexpr std::size_t kLabelMax = 63;    // RFC 1123 label; also of a label's value.
constexpr std::size_t kCausesMax = 100;  // As schemas say.
constexpr std::size_t kAnnotationsMax = 256u << 10;

bool IsLowerAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlphanumeric(char c) { return IsLowerAlphanumeric(c) || (c >= 'A' && c <= 'Z'); }

bool IsSubdomain(std::string_view text) {
  if (text.empty() || text.size() > kNameMax) return false;
  char before = '.';
  for (const char c : text) {
    if (!IsLowerAlphanumeric(c) && c != '-' && c != '.') return false;
    if (c == '.' && !IsLowerAlphanumeric(before)) return false;
    if (c == '-' && before == '.') return false;
    before = c;
  }
  return IsLowerAlphanumeric(before);
}

bool IsLabelText(std::string_view text) {
  if (text.empty() || text.size() > kLabelMax) return false;
  const bool only_known = std::all_of(text.begin(), text.end(),
                                      [](char c) { return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.'; });
  return only_known && IsAlphanumeric(text.front()) && IsAlphanumeric(text.back());
}

/// `name` or `prefix/name`, as keys of labels and annotations and finalizers are.
bool IsQualifiedName(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return IsLabelText(text);
  return IsSubdomain(text.substr(0, slash)) && IsLabelText(text.substr(slash + 1));
}

Cause Invalid(std::string field, std::string_view value, std::string_view rule) {
  return {std::move(field), "FieldValueInvalid",
          "Invalid value: \"" + api::codec::Printable(value) + "\": " + std::string(rule)};
}

constexpr std::string_view kQualifiedRule =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

void CheckName(const api::ObjectMeta& metadata, std::vector<Cause>& causes) {
  if (metadata.name.empty())
    causes.push_back({"metadata.name", "FieldValueRequired", "Required value: name or generateName is required"});
  else if (!IsSubdomain(metadata.name))
    causes.push_back(
        Invalid("metadata.name", metadata.name,
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
                "must start and end with an alphanumeric character"));
}

void CheckOwners(const api::ObjectMeta& metadata, std::vector<Cause>& causes) {
  int controllers = 0;
  for (const api::OwnerReference& owner : metadata.owner_references) {
    const std::string field = "metadata.ownerReferences";
    const auto need = [&](const std::string& value, const std::string& part, const std::string& name) {
      if (value.empty())
        causes.push_back(Invalid(std::string(field).append(".").append(part), "", name + " must not be empty"));
    };
    need(owner.api_version, "apiVersion", "version");
    need(owner.kind, "kind", "kind");
    need(owner.name, "name", "name");
    need(owner.uid.value, "uid", "uid");
    if (owner.is_controller && ++controllers == 2)
      causes.push_back(Invalid(field, owner.name, "Only one reference can have Controller set to true"));
  }
}

}  // namespace

Error InvalidObject(const api::schema::Kind& kind, const std::string& name, std::vector<Cause> causes) {
  std::string message = kind.kind + (kind.group.empty() ? "" : "." + kind.group) + " \"" + name + "\" is invalid: ";
  if (causes.size() > 1) message += "[";
  for (std::size_t i = 0; i < causes.size(); ++i) {
    if (i > 0) message += ", ";
    message += causes[i].field + ": " + causes[i].message;
  }
  if (causes.size() > 1) message += "]";
  return {Code::kInvalid, "Invalid", std::move(message), std::move(causes)};
}

Error BadRequest(std::string message) { return {Code::kInvalid, "BadRequest", std::move(message)}; }

api::Expected<void> ApplyPatch(api::Json& object, const PatchDocument& patch) {
  if (patch.type == PatchType::kJson) {
    auto patched = api::JsonPatch(std::move(object), patch.json);
    if (!patched && patched.error().reason == "InvalidPatch")
      return BadRequest("error decoding patch: " + patched.error().message);
    if (!patched)
      return Error{Code::kInvalid,
                   "Invalid",
                   "the server rejected our request due to an error in our request: " + patched.error().message,
                   {{"patch", "FieldValueInvalid", patched.error().message}}};
    object = *std::move(patched);
    return {};
  }
  if (!patch.json.is_object())
    return BadRequest("error decoding patch: a merge patch is an object, not " + std::string(patch.json.TypeName()));
  api::MergePatch(object, patch.json);
  return {};
}

std::vector<Cause> CheckMetadata(const api::schema::Kind& kind, const api::ObjectMeta& metadata) {
  std::vector<Cause> causes;
  CheckName(metadata, causes);
  if (kind.is_namespaced && !IsSubdomain(metadata.namespace_))
    causes.push_back(
        Invalid("metadata.namespace", metadata.namespace_, "a namespaced kind needs the name of a namespace"));
  if (!kind.is_namespaced && !metadata.namespace_.empty())
    causes.push_back(Invalid("metadata.namespace", metadata.namespace_, "this kind is not namespaced"));
  for (const auto& [key, value] : metadata.labels) {
    if (!IsLabelKey(key)) causes.push_back(Invalid("metadata.labels", key, kQualifiedRule));
    if (!IsLabelValue(value)) causes.push_back(Invalid("metadata.labels", value, kQualifiedRule));
  }
  std::size_t annotation_bytes = 0;
  for (const auto& [key, value] : metadata.annotations) {
    annotation_bytes += key.size() + value.size();
    if (!IsQualifiedName(key)) causes.push_back(Invalid("metadata.annotations", key, kQualifiedRule));
  }
  if (annotation_bytes > kAnnotationsMax)
    causes.push_back({"metadata.annotations", "FieldValueTooLong", "Too long: must have at most 262144 bytes"});
  for (const std::string& finalizer : metadata.finalizers)
    if (!IsQualifiedName(finalizer)) causes.push_back(Invalid("metadata.finalizers", finalizer, kQualifiedRule));
  if (HasFinalizer(metadata, kOrphanFinalizer) && HasFinalizer(metadata, kForegroundFinalizer))
    causes.push_back(Invalid("metadata.finalizers", kOrphanFinalizer,
                             "finalizers orphan and foregroundDeletion cannot be both set"));
  CheckOwners(metadata, causes);
  if (causes.size() > kCausesMax) causes.resize(kCausesMax);
  return causes;
}

api::Expected<std::vector<std::string>> ConformToSchema(const api::schema::Kind& kind, api::Object& object,
                                                        FieldValidation field_validation) {
  std::vector<std::string> warnings;
  if (!kind.schema) return warnings;
  for (const std::string& path : kind.schema->Prune(object.body)) warnings.push_back("unknown field \"" + path + "\"");
  if (field_validation == FieldValidation::kStrict && !warnings.empty()) {
    std::string all;
    for (const std::string& warning : warnings) all += (all.empty() ? "" : ", ") + warning;
    return BadRequest(kind.kind + " in version \"" + kind.version + "\" cannot be handled as a " + kind.kind +
                      ": strict decoding error: " + all);
  }
  kind.schema->ApplyDefaults(object.body);
  if (auto causes = kind.schema->Validate(object.body); !causes.empty())
    return InvalidObject(kind, object.metadata.name, std::move(causes));
  if (field_validation == FieldValidation::kIgnore) warnings.clear();
  return warnings;
}

std::vector<Cause> CheckSpec(const api::schema::Catalog& catalog, std::string_view resource, api::Json spec) {
  const api::schema::KindPtr kind = catalog.FindResource(resource);
  if (!kind || !kind->schema) return {};
  api::Json body = api::Json::Of({{"spec", std::move(spec)}});
  kind->schema->Prune(body);
  kind->schema->ApplyDefaults(body);
  return kind->schema->Validate(body);
}

bool IsLabelKey(std::string_view text) { return IsQualifiedName(text); }

bool IsLabelValue(std::string_view text) { return text.empty() || IsLabelText(text); }

}  // namespace reconciler
