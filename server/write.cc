#include "server/write.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "reconciler/admission.h"
#include "server/body.h"
#include "server/delete_options.h"
#include "server/status.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using reconciler::PatchDocument;
using reconciler::PatchType;
using reconciler::WriteOptions;
using reconciler::Written;

constexpr int kStatusPatchTries = 8;      // As the registry does for patches of the whole object.
constexpr std::size_t kWarningsMax = 50;  // More tell nothing new, and clients bound their headers.

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

Response Answer(int status, const Written& written, const std::vector<std::string>& more_warnings = {}) {
  Response response = JsonResponse(status, written.object->text);
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

/// Of a merge patch what a status may take: the status, and the version that it is for.
PatchDocument StatusPart(PatchDocument patch) {
  if (patch.type != PatchType::kMerge) return patch;
  Json part = Json::EmptyObject();
  if (const Json* status = patch.json.Find("status")) part["status"] = *status;
  if (const Json* version = patch.json.At({"metadata", "resourceVersion"}))
    part["metadata"]["resourceVersion"] = *version;
  return part;
}

/// The status of a patched object, put on the present one. Repeated on a race unless the patch names a version.
Expected<Written> PatchStatus(reconciler::Client& client, const api::ObjectKey& key, const PatchDocument& patch,
                              const WriteOptions& options) {
  const PatchDocument part = StatusPart(patch);
  for (int tries = 1;; ++tries) {
    auto current = client.Get(key);
    if (!current) return current.error();
    auto json = api::codec::ParseJson((*current)->text);
    if (!json) return json.error();
    if (auto patched = reconciler::ApplyPatch(*json, part); !patched) return patched.error();
    auto object = api::codec::ObjectFromJson(*std::move(json));
    if (!object) return BadRequest(object.error().message);
    const bool is_other_version = object->metadata.resource_version != (*current)->resource_version;
    auto written = client.UpdateStatus(*std::move(object), options);
    const bool raced = !written && written.error().code == Code::kConflict;
    if (!raced || is_other_version || tries == kStatusPatchTries) return written;
  }
}

/// Unknown fields that are refused make a body a bad request but a patch an invalid one.
Error AsInvalidPatch(const Error& error, const Route& route) {
  const std::size_t strict = error.message.find("strict decoding error: ");
  if (error.reason != "BadRequest" || strict == std::string::npos) return error;
  return reconciler::InvalidObject(*route.kind, route.name,
                                   {{"patch", "FieldValueInvalid", "Invalid value: " + error.message.substr(strict)}});
}

/// Kubernetes accepts strategic patches for built-in kinds alone, and merging is all that theirs need.
Expected<PatchDocument> ReadPatch(const Request& request, const Route& route) {
  const std::string type = request.MediaType();
  const bool is_merge = type == "application/merge-patch+json";
  const bool is_strategic = type == "application/strategic-merge-patch+json" && !route.kind->schema;
  const bool is_json = type == "application/json-patch+json";
  if (!is_merge && !is_strategic && !is_json)
    return UnsupportedMediaType("application/json-patch+json, application/merge-patch+json");
  auto patch = api::codec::ParseJson(request.body);
  if (!patch) return BadRequest("error decoding patch: " + patch.error().message);
  if (is_json) return PatchDocument(PatchType::kJson, *std::move(patch));
  if (!patch->is_object())
    return BadRequest("error decoding patch: a merge patch is an object, not " + std::string(patch->TypeName()));
  if (auto version = CheckVersionText(*patch); !version) return version.error();
  return PatchDocument(*std::move(patch));
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
  auto written = backend.client.Create(std::move(received->object), *options);
  if (!written) return Refuse(written.error(), subject);
  return Answer(201, *written, received->warnings);
}

Response Replace(const Backend& backend, const Request& request, const Route& route) {
  constexpr std::string_view kOptions = "UpdateOptions";
  auto options = ReadWriteOptions(request, kOptions);
  if (!options) return Refuse(options.error(), Subject::OfOptions(kOptions));
  auto body = ReadJsonBody(request, route);
  if (!body) return Refuse(body.error());
  if (auto version = CheckVersionText(*body); !version) return Refuse(version.error());
  Subject subject = Subject::Of(*route.kind, route.name);
  auto received = ReadObject(*std::move(body), route, options->field_validation, subject);
  if (!received) return Refuse(received.error(), subject);
  api::Object& object = received->object;
  if (object.metadata.name != route.name)
    return Refuse(BadRequest("the name of the object (" + object.metadata.name +
                             ") does not match the name on the URL (" + route.name + ")"));
  if (object.metadata.resource_version.value == 0) {
    const std::string message = "Invalid value: 0: must be specified for an update";
    return Refuse({Code::kInvalid,
                   "Invalid",
                   route.kind->resource() + " \"" + route.name + "\" is invalid: metadata.resourceVersion: " + message,
                   {{"metadata.resourceVersion", "FieldValueInvalid", message}}},
                  subject);
  }
  auto written = route.subresource.empty() ? backend.client.Update(std::move(object), *options)
                                           : backend.client.UpdateStatus(std::move(object), *options);
  if (!written) return Refuse(written.error(), subject);
  return Answer(200, *written, received->warnings);
}

Response Patch(const Backend& backend, const Request& request, const Route& route) {
  constexpr std::string_view kOptions = "PatchOptions";
  auto options = ReadWriteOptions(request, kOptions);
  if (!options) return Refuse(options.error(), Subject::OfOptions(kOptions));
  if (request.target.query.Has("force"))
    return Refuse(InvalidOption(kOptions, {"force", "FieldValueForbidden",
                                           "Forbidden: may not be specified for non-apply patch"}),
                  Subject::OfOptions(kOptions));
  auto patch = ReadPatch(request, route);
  if (!patch) return Refuse(patch.error());
  const Subject subject = Subject::Of(*route.kind, route.name);
  auto warnings = CheckMetadataFields(patch->json, *route.kind, options->field_validation);
  if (!warnings) return Refuse(AsInvalidPatch(warnings.error(), route), subject);
  auto written = route.subresource.empty() ? backend.client.Patch(route.key(), *patch, *options)
                                           : PatchStatus(backend.client, route.key(), *patch, *options);
  if (!written) return Refuse(AsInvalidPatch(written.error(), route), subject);
  return Answer(200, *written, *warnings);
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
  if (!written->is_removed) return Answer(200, *written);
  Json details = Json::Of({{"name", route.name}, {"kind", route.kind->plural}, {"uid", written->object->uid.value}});
  if (!route.kind->group.empty()) details["group"] = route.kind->group;
  return JsonResponse(200, api::codec::WriteJson(Json::Of({{"kind", "Status"},
                                                           {"apiVersion", "v1"},
                                                           {"metadata", Json::EmptyObject()},
                                                           {"status", "Success"},
                                                           {"details", std::move(details)}})));
}

}  // namespace server
