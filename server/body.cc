#include "server/body.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <tuple>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "api/codec/text.h"
#include "api/codec/yaml.h"
#include "reconciler/managed_fields.h"
#include "server/field_types.h"
#include "server/protobuf_reader.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using api::schema::Kind;
using reconciler::FieldValidation;

/// Of the namespace of whoever is no operator. A member's slots, bindings and leases are dozens, of 2 KiB each; with
/// the Events about them that is a tenth. Fifty members who fill theirs cost 800 MiB of memory.
constexpr reconciler::Quota kMemberQuota{.objects_max = 4000, .bytes_max = 16u << 20};

constexpr std::size_t kQuotedBodyMax = 200;  // How much of a body that nobody understands an error repeats.

/// What Kubernetes knows of metadata; what this project does not keep of it is dropped without a word.
constexpr std::array<std::string_view, 16> kMetadataFields{"annotations",
                                                           "creationTimestamp",
                                                           "deletionGracePeriodSeconds",
                                                           "deletionTimestamp",
                                                           "finalizers",
                                                           "generateName",
                                                           "generation",
                                                           "labels",
                                                           "managedFields",
                                                           "name",
                                                           "namespace",
                                                           "ownerReferences",
                                                           "resourceVersion",
                                                           "selfLink",
                                                           "uid",
                                                           "clusterName"};

std::string Lead(const Kind& kind) {
  return "the object provided is unrecognized (must be of type " + kind.kind + "): ";
}

Error Undecodable(const Kind& kind, std::string_view why) {
  return BadRequest(kind.kind + " in version \"" + kind.version + "\" cannot be handled as a " + kind.kind + ": " +
                    std::string(why));
}

/// The type that the body claims. Kinds without a schema are the built-in ones, whose clients leave it out.
Expected<void> CheckType(Json& body, const Kind& kind, Subject& subject) {
  for (const auto& [field, wanted, label] :
       {std::tuple{"kind", kind.kind, "Kind"}, std::tuple{"apiVersion", kind.api_version(), "apiVersion"}}) {
    if (body.Find(field) && !body.Find(field)->is_string())
      return Undecodable(kind, std::string(field) + " must be a string");
    const bool is_missing = !body.Find(field) || body.Find(field)->StringOr("").empty();
    if (is_missing && kind.schema)
      return BadRequest(Lead(kind) + "Object '" + label + "' is missing in '" +
                        api::codec::Printable(api::codec::WriteJson(body), kQuotedBodyMax) + "'");
    if (is_missing) body[field] = wanted;
  }
  const std::string api_version = body.Find("apiVersion")->StringOr("");
  if (api_version != kind.api_version())
    return BadRequest("the API version in the data (" + api_version + ") does not match the expected API version (" +
                      kind.api_version() + ")");
  const std::string given = body.Find("kind")->StringOr("");
  if (given == kind.kind) return {};
  subject.kind = given;
  const std::string message = "Invalid value: \"" + given + "\": must be " + kind.kind;
  return Error{
      Code::kInvalid,
      "Invalid",
      given + (kind.group.empty() ? "" : "." + kind.group) + " \"" + subject.name + "\" is invalid: kind: " + message,
      {{"kind", "FieldValueInvalid", message}}};
}

/// The program that asks: its `User-Agent` up to the first slash.
std::string AgentOf(const Request& request) {
  const std::string_view agent = request.Find("user-agent");
  const std::string name = api::codec::Printable(agent.substr(0, agent.find('/')), reconciler::kFieldManagerMax);
  return name.empty() ? "unknown" : name;
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : ", ") + part;
  return all;
}

}  // namespace

Expected<reconciler::WriteOptions> ReadWriteOptions(const Request& request, std::string_view kind) {
  const Query& query = request.target.query;
  reconciler::WriteOptions options{
      .actor = request.caller.Actor(), .from = request.caller.from, .is_dry_run = query.Has("dryRun")};
  if (options.is_dry_run && query.Get("dryRun") != "All")
    return InvalidOption(
        kind, {"dryRun", "FieldValueNotSupported",
               "Unsupported value: [\"" + std::string(query.Get("dryRun")) + "\"]: supported values: \"All\""});
  if (!request.caller.is_operator) options.quota = kMemberQuota;
  const std::string_view validation = query.Get("fieldValidation");
  if (validation == "Strict")
    options.field_validation = FieldValidation::kStrict;
  else if (validation == "Ignore")
    options.field_validation = FieldValidation::kIgnore;
  else if (!validation.empty() && validation != "Warn")
    return InvalidOption(kind, {"fieldValidation", "FieldValueNotSupported",
                                "Unsupported value: \"" + std::string(validation) +
                                    "\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""});
  const std::string_view manager = query.Get("fieldManager");
  if (manager.size() > reconciler::kFieldManagerMax)
    return InvalidOption(kind, {"fieldManager", "FieldValueTooLong", "Too long: must have at most 128 bytes"});
  if (api::codec::Printable(manager) != manager)
    return InvalidOption(
        kind, {"fieldManager", "FieldValueInvalid",
               "Invalid value: \"" + api::codec::Printable(manager) + "\": should only contain printable characters"});
  options.field_manager = manager.empty() ? AgentOf(request) : std::string(manager);
  return options;
}

Expected<Json> ReadYamlOrJson(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first < text.size() && text[first] == '{') {
    auto json = api::codec::ParseJson(text);
    if (json) return json;
  }
  auto documents = api::codec::ParseYaml(text, "body");
  if (!documents) return documents.error();
  if (documents->size() == 1) return std::move(documents->front());
  return BadRequest("one document is needed, not " + std::to_string(documents->size()));
}

Expected<Body> ReadJsonBody(const Request& request, const Route& route) {
  const std::string type = request.MediaType();
  Body body;
  const bool is_yaml = type == "application/yaml";
  if (type == kProtobufType || IsProtobuf(request.body)) {
    auto read = ReadProtobuf(request.body);
    if (!read) return read.error();
    body.json = *std::move(read);
    return body;
  }
  if (!type.empty() && !is_yaml && type != "application/json")
    return UnsupportedMediaType("application/json, application/yaml");
  auto read = is_yaml ? ReadYamlOrJson(request.body) : api::codec::ParseJsonWithRepeats(request.body, body.repeated);
  const std::string lead =
      Lead(*route.kind) + "couldn't get version/kind; " + (is_yaml ? "yaml" : "json") + " parse error: ";
  if (!read) return BadRequest(lead + read.error().message);
  if (!read->is_object()) return BadRequest(lead + "an object is needed, not " + std::string(read->TypeName()));
  body.json = *std::move(read);
  return body;
}

Expected<std::vector<std::string>> CheckBodyFields(const Body& body, const Kind& kind, FieldValidation validation) {
  std::vector<std::string> faults;
  if (validation == FieldValidation::kIgnore) return faults;
  for (const std::string& path : body.repeated) faults.push_back("duplicate field \"" + path + "\"");
  const Json* metadata = body.json.Find("metadata");
  if (metadata && metadata->object())
    for (const Json::Member& member : *metadata->object())
      if (std::find(kMetadataFields.begin(), kMetadataFields.end(), member.key) == kMetadataFields.end())
        faults.push_back("unknown field \"metadata." + member.key + "\"");
  if (validation == FieldValidation::kStrict && !faults.empty())
    return Undecodable(kind, "strict decoding error: " + Joined(faults));
  return faults;
}

Expected<ReceivedObject> ReadObject(Body body, const Route& route, FieldValidation validation, Subject& subject) {
  const Kind& kind = *route.kind;
  if (const Json* name = body.json.At({"metadata", "name"}); name && subject.name.empty())
    subject.name = name->StringOr("");
  if (auto type = CheckType(body.json, kind, subject); !type) return type.error();
  if (auto types = CheckFieldTypes(body.json, kind); !types) return types.error();
  auto warnings = CheckBodyFields(body, kind, validation);
  if (!warnings) return warnings.error();

  auto object = api::codec::ObjectFromJson(std::move(body.json));
  if (!object) return Undecodable(kind, object.error().message);
  ReceivedObject received{.object = *std::move(object), .warnings = *std::move(warnings)};
  std::string& given = received.object.metadata.namespace_;
  if (given.empty()) given = route.namespace_;
  if (given != route.namespace_)
    return BadRequest("the namespace of the provided object does not match the namespace sent on the request");
  return received;
}

}  // namespace server
