#include "server/write.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "reconciler/admission.h"
#include "reconciler/managed_fields.h"
#include "server/body.h"
#include "server/delete_options.h"
#include "server/event_spelling.h"
#include "server/field_types.h"
#include "server/status.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using api::schema::Kind;
using reconciler::PatchDocument;
using reconciler::PatchType;
using reconciler::WriteOptions;
using reconciler::Written;

constexpr std::string_view kPatchOptions = "PatchOptions";
constexpr std::size_t kWarningsMax = 50;  // More tell nothing new, and clients bound their headers.

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

Response Answer(int status, const Kind& kind, const Written& written,
                const std::vector<std::string>& more_warnings = {}) {
  Response response = JsonResponse(status, ServedText(kind, written.object->text));
  std::size_t count = 0;
  for (const auto* warnings : {&more_warnings, &written.warnings})
    for (const std::string& warning : *warnings)
      if (++count <= kWarningsMax) response.With("Warning", "299 - " + Quoted(warning));
  return response;
}

bool IsDecimal(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

/// A version as a body has it: what is no number cannot be compared with anything.
Expected<void> CheckVersionText(const Json& body) {
  const Json* version = body.At({"metadata", "resourceVersion"});
  if (!version || version->is_null() || (version->is_string() && IsDecimal(*version->string()))) return {};
  return BadRequest("metadata.resourceVersion must be a string of decimal digits");
}

/// What is not found by a create is the namespace.
Subject SubjectOf(const Error& error, const Route& route, const Subject& subject) {
  if (!route.kind->is_namespaced || error.code != Code::kNotFound || !error.message.starts_with("namespaces \""))
    return subject;
  return {.kind = "Namespace", .plural = "namespaces", .name = route.namespace_};
}

/// Unknown fields that are refused make a body a bad request but a patch an invalid one.
Error AsInvalidPatch(const Error& error, const Route& route) {
  const std::size_t strict = error.message.find("strict decoding error: ");
  if (error.reason != "BadRequest" || strict == std::string::npos) return error;
  return reconciler::InvalidObject(*route.kind, route.name,
                                   {{"patch", "FieldValueInvalid", "Invalid value: " + error.message.substr(strict)}});
}

constexpr std::string_view kApplyType = "application/apply-patch+yaml";

/// Kubernetes accepts strategic patches for built-in kinds alone, and merging is all that theirs need.
Expected<PatchType> TypeOfPatch(const Request& request, const Route& route) {
  const std::string type = request.MediaType();
  if (type == kApplyType) return PatchType::kApply;
  if (type == "application/json-patch+json") return PatchType::kJson;
  if (type == "application/merge-patch+json") return PatchType::kMerge;
  if (type == "application/strategic-merge-patch+json" && !route.kind->schema) return PatchType::kMerge;
  return UnsupportedMediaType(
      "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
}

/// What is wrong with an applied object before its fields are looked at.
Expected<void> CheckApplied(const Json& applied, const Route& route) {
  const auto text = [&](std::initializer_list<std::string_view> path) {
    const Json* found = applied.At(path);
    return found ? found->StringOr("") : std::string();
  };
  const std::string api_version = text({"apiVersion"});
  const std::string given = text({"kind"});
  if (api_version != route.kind->api_version() || given != route.kind->kind) {
    const bool is_core = api_version.find('/') == std::string::npos;
    return BadRequest("invalid object type: " + (is_core ? "/" + api_version : api_version) + ", Kind=" + given);
  }
  if (const Json* managed = applied.At({"metadata", "managedFields"}); managed && !managed->is_null())
    return BadRequest("metadata.managedFields must be nil");
  if (const std::string name = text({"metadata", "name"}); !name.empty() && name != route.name)
    return BadRequest("the name of the object (" + name + ") does not match the name on the URL (" + route.name + ")");
  if (const std::string other = text({"metadata", "namespace"}); !other.empty() && other != route.namespace_)
    return BadRequest("the namespace of the provided object does not match the namespace on the request");
  return {};
}

/// Only a merge patch may say a thing twice: an operation or an applied field that does is a mistake.
Expected<Json> ParsePatch(PatchType type, const std::string& text, std::vector<std::string>& repeated) {
  if (type == PatchType::kApply) return ReadYamlOrJson(text);
  if (type == PatchType::kJson) return api::codec::ParseJson(text);
  return api::codec::ParseJsonWithRepeats(text, repeated);
}

struct ReceivedPatch {
  PatchDocument document;
  std::vector<std::string> repeated{};  ///< As of a Body.
};

Expected<ReceivedPatch> ReadPatch(const Request& request, const Route& route) {
  auto type = TypeOfPatch(request, route);
  if (!type) return type.error();
  std::vector<std::string> repeated;
  auto patch = ParsePatch(*type, request.body, repeated);
  if (!patch) return BadRequest("error decoding patch: " + patch.error().message);
  ReceivedPatch received{PatchDocument(*type, *std::move(patch)), std::move(repeated)};
  PatchDocument& document = received.document;
  document.is_of_status = !route.subresource.empty();
  if (*type == PatchType::kJson) return received;
  if (!document.json.is_object())
    return BadRequest("error decoding patch: " + std::string(*type == PatchType::kApply ? "an apply" : "a merge") +
                      " patch is an object, not " + std::string(document.json.TypeName()));
  if (auto types = CheckFieldTypes(document.json, *route.kind); !types) return types.error();
  if (auto version = CheckVersionText(document.json); !version) return version.error();
  if (*type == PatchType::kApply)
    if (auto applied = CheckApplied(document.json, route); !applied) return applied.error();
  return received;
}

/// The options that only an apply has, or needs.
Expected<void> ReadApplyOptions(const Request& request, WriteOptions& options) {
  const Query& query = request.target.query;
  if (request.MediaType() == kApplyType) {
    options.is_forced = query.IsTrue("force");
    if (!query.Get("fieldManager").empty()) return {};
    return InvalidOption(kPatchOptions,
                         {"fieldManager", "FieldValueRequired", "Required value: is required for apply patch"});
  }
  if (!query.Has("force")) return {};
  return InvalidOption(kPatchOptions,
                       {"force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch"});
}

/// Operations of a JSON patch say nothing of types: what they come to does.
Expected<void> CheckPatched(const Backend& backend, const Route& route, const PatchDocument& patch,
                            WriteOptions options) {
  if (patch.type != PatchType::kJson || route.kind->schema) return {};
  options.is_dry_run = true;
  const auto foreseen = backend.client.Patch(route.key(), patch, options);
  if (!foreseen) return {};  // The patch itself will say so.
  const auto object = api::codec::ParseJson(ServedText(*route.kind, foreseen->object->text));
  return object ? CheckFieldTypes(*object, *route.kind) : object.error();
}

}  // namespace

Response Create(const Backend& backend, const Request& request, const Route& route) {
  constexpr std::string_view kOptions = "CreateOptions";
  auto options = ReadWriteOptions(request, kOptions);
  if (!options) return Refuse(options.error(), Subject::OfOptions(kOptions));
  auto body = ReadJsonBody(request, route);
  if (!body) return Refuse(body.error());
  Subject subject = Subject::Of(*route.kind);
  auto received = ReadObject(*std::move(body), route, options->field_validation, subject);
  if (!received) return Refuse(received.error(), subject);
  if (received->object.metadata.resource_version.value != 0)
    return Refuse(BadRequest("resourceVersion should not be set on objects to be created"));
  SpellAsStored(*route.kind, received->object);
  auto written = backend.client.Create(std::move(received->object), *options);
  if (!written) return Refuse(written.error(), SubjectOf(written.error(), route, subject));
  return Answer(201, *route.kind, *written, received->warnings);
}

Response Replace(const Backend& backend, const Request& request, const Route& route) {
  constexpr std::string_view kOptions = "UpdateOptions";
  auto options = ReadWriteOptions(request, kOptions);
  if (!options) return Refuse(options.error(), Subject::OfOptions(kOptions));
  auto body = ReadJsonBody(request, route);
  if (!body) return Refuse(body.error());
  if (auto version = CheckVersionText(body->json); !version) return Refuse(version.error());
  Subject subject = Subject::Of(*route.kind, route.name);
  auto received = ReadObject(*std::move(body), route, options->field_validation, subject);
  if (!received) return Refuse(received.error(), subject);
  api::Object& object = received->object;
  if (object.metadata.name != route.name)
    return Refuse(BadRequest("the name of the object (" + object.metadata.name +
                             ") does not match the name on the URL (" + route.name + ")"));
  if (object.metadata.resource_version.value == 0) {
    if (const auto present = backend.client.Get(route.key()); !present) return Refuse(present.error(), subject);
    const std::string message = "Invalid value: 0: must be specified for an update";
    return Refuse({Code::kInvalid,
                   "Invalid",
                   route.kind->resource() + " \"" + route.name + "\" is invalid: metadata.resourceVersion: " + message,
                   {{"metadata.resourceVersion", "FieldValueInvalid", message}}},
                  subject);
  }
  SpellAsStored(*route.kind, object);
  auto written = route.subresource.empty() ? backend.client.Update(std::move(object), *options)
                                           : backend.client.UpdateStatus(std::move(object), *options);
  if (!written) return Refuse(written.error(), subject);
  return Answer(200, *route.kind, *written, received->warnings);
}

Response Patch(const Backend& backend, const Request& request, const Route& route) {
  auto options = ReadWriteOptions(request, kPatchOptions);
  if (!options) return Refuse(options.error(), Subject::OfOptions(kPatchOptions));
  if (auto apply = ReadApplyOptions(request, *options); !apply)
    return Refuse(apply.error(), Subject::OfOptions(kPatchOptions));
  auto patch = ReadPatch(request, route);
  if (!patch) return Refuse(patch.error());
  const Subject subject = Subject::Of(*route.kind, route.name);
  PatchDocument& document = patch->document;
  auto warnings = CheckBodyFields({document.json, patch->repeated}, *route.kind, options->field_validation);
  if (!warnings) return Refuse(AsInvalidPatch(warnings.error(), route), subject);
  SpellAsStored(*route.kind, document);
  if (auto checked = CheckPatched(backend, route, document, *options); !checked) return Refuse(checked.error());
  auto written = backend.client.Patch(route.key(), document, *options);
  if (!written && written.error().reason == reconciler::kApplyConflict) return Refuse(written.error());
  if (!written) return Refuse(AsInvalidPatch(written.error(), route), SubjectOf(written.error(), route, subject));
  return Answer(written->is_created ? 201 : 200, *route.kind, *written, *warnings);
}

Response Delete(const Backend& backend, const Request& request, const Route& route) {
  auto options = ReadDeleteOptions(request);
  if (!options) return Refuse(options.error(), Subject::OfOptions(kDeleteOptions));
  auto written = backend.client.Delete(route.key(), *options);
  if (!written) {
    Subject subject = Subject::Of(*route.kind, route.name);
    const bool is_precondition = written.error().code == Code::kConflict && (options->uid || options->resource_version);
    if (is_precondition) subject.plural.clear();  // This conflict alone names the kind, in Kubernetes too.
    return Refuse(written.error(), subject);
  }
  if (!written->is_removed) return Answer(200, *route.kind, *written);
  Json details = Json::Of({{"name", route.name}, {"kind", route.kind->plural}, {"uid", written->object->uid.value}});
  if (!route.kind->group.empty()) details["group"] = route.kind->group;
  return JsonResponse(200, api::codec::WriteJson(Json::Of({{"kind", "Status"},
                                                           {"apiVersion", "v1"},
                                                           {"metadata", Json::EmptyObject()},
                                                           {"status", "Success"},
                                                           {"details", std::move(details)}})));
}

}  // namespace server
