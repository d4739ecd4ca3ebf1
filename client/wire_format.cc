#include "client/wire_format.h"

#include <array>
#include <charconv>
#include <memory>

#include "api/codec/json.h"
#include "api/codec/json_at.h"
#include "api/codec/object.h"
#include "api/meta/words.h"
#include "reconciler/store.h"

namespace client {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using api::codec::ArrayAt;
using api::codec::TextAt;
using api::schema::Kind;
using reconciler::Event;
using reconciler::EventType;
using reconciler::Snapshot;

Code CodeOf(int status, std::string_view reason) {
  switch (status) {
    case 401:
    case 403:
      return Code::kForbidden;
    case 404:
      return Code::kNotFound;
    case 408:
    case 504:
      return Code::kTimeout;
    case 409:
      return reason == "AlreadyExists" ? Code::kAlreadyExists : Code::kConflict;
    case 410:
      return Code::kExpired;
    case 429:
    case 503:
      return Code::kUnavailable;
    default:
      return status >= 400 && status < 500 ? Code::kInvalid : Code::kInternal;
  }
}

Error Malformed(std::string_view what) {
  return {Code::kInternal, "MalformedAnswer", "the server sent " + std::string(what)};
}

std::vector<std::string> StringsAt(const Json& json, std::string_view key) {
  std::vector<std::string> texts;
  for (const Json& element : ArrayAt(json, {key})) texts.push_back(element.StringOr(""));
  return texts;
}

}  // namespace

std::string Escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                          c == '_' || c == '.' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain)
      escaped += c;
    else
      escaped.append(1, '%').append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 0xf]);
  }
  return escaped;
}

std::string PathOf(const Kind& kind, std::string_view namespace_, std::string_view name, std::string_view subresource) {
  std::string path = kind.group.empty() ? "/api/" + kind.version : "/apis/" + kind.group + "/" + kind.version;
  if (!namespace_.empty()) path += "/namespaces/" + Escape(namespace_);
  path += "/" + kind.plural;
  if (!name.empty()) path += "/" + Escape(name);
  if (!subresource.empty()) path += "/" + Escape(subresource);
  return path;
}

std::string QueryOf(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) query += (query.empty() ? "?" : "&") + name + "=" + Escape(value);
  return query;
}

Error ErrorOfStatus(const Json& status) {
  const auto number = static_cast<int>(api::codec::IntegerAt(status, {"code"}).value_or(500));
  Error error{.reason = TextAt(status, {"reason"}), .message = TextAt(status, {"message"})};
  error.code = CodeOf(number, error.reason);
  if (error.reason.empty()) error.reason = CodeName(error.code);
  for (const Json& cause : ArrayAt(status, {"details", "causes"}))
    error.causes.push_back({.field = TextAt(cause, {"field"}),
                            .reason = TextAt(cause, {"reason"}),
                            .message = TextAt(cause, {"message"})});
  return error;
}

Error ErrorOf(const HttpResponse& response) {
  const auto json = api::codec::ParseJson(response.body);
  if (json && TextAt(*json, {"kind"}) == "Status") return ErrorOfStatus(*json);
  const Code code = CodeOf(response.status, "");
  if (code == Code::kNotFound) return {code, "NotFound", "the server could not find the requested resource"};
  return {code, std::string(CodeName(code)), "the server answered with HTTP status " + std::to_string(response.status)};
}

std::vector<std::string> WarningsOf(const HttpResponse& response) {
  std::vector<std::string> warnings;
  for (const auto& [name, value] : response.headers) {
    if (name != "warning") continue;
    const std::size_t open = value.find('"');
    const std::size_t shut = value.rfind('"');
    if (open == std::string::npos || shut <= open) continue;
    std::string text;
    for (std::size_t i = open + 1; i < shut; ++i) {
      if (value[i] == '\\' && i + 1 < shut) ++i;
      text += value[i];
    }
    warnings.push_back(std::move(text));
  }
  return warnings;
}

api::ResourceVersion VersionOf(const Json& object) {
  const std::string text = TextAt(object, {"metadata", "resourceVersion"});
  api::ResourceVersion version;
  std::from_chars(text.data(), text.data() + text.size(), version.value);
  return version;
}

Expected<reconciler::SnapshotPtr> SnapshotOf(const Kind& kind, const Json& json) {
  const auto object = api::codec::ObjectFromJson(json);
  if (!object) return Malformed("what is no object: " + object.error().message);
  const api::ObjectMeta& metadata = object->metadata;
  if (metadata.name.empty()) return Malformed("an object without a name");
  Snapshot snapshot = reconciler::SnapshotOf({kind.resource(), metadata.namespace_, metadata.name}, *object);
  snapshot.text = api::codec::WriteJson(json);
  return std::make_shared<const Snapshot>(std::move(snapshot));
}

Expected<Event> EventOf(const Kind& kind, std::string_view line) {
  const auto frame =
      api::codec::ParseJson(line, {.bytes_max = line.size(), .depth_max = 66});  // Two levels around an object.
  if (!frame) return Malformed("a watch event that is no JSON: " + frame.error().message);
  const std::string type = TextAt(*frame, {"type"});
  const Json* object = frame->Find("object");
  if (!object) return Malformed("a watch event without an object");
  if (type == "ERROR") return ErrorOfStatus(*object);
  Event event;
  event.revision = VersionOf(*object);
  if (type == "BOOKMARK") return event;
  if (type == "ADDED")
    event.type = EventType::kAdded;
  else if (type == "MODIFIED")
    event.type = EventType::kModified;
  else if (type == "DELETED")
    event.type = EventType::kDeleted;
  else
    return Malformed("a watch event of the unknown type " + type);
  auto snapshot = SnapshotOf(kind, *object);
  if (!snapshot) return snapshot.error();
  event.object = *std::move(snapshot);
  return event;
}

Expected<std::vector<Kind>> KindsOf(const Json& resource_list) {
  const std::string group_version = TextAt(resource_list, {"groupVersion"});
  const Json* resources = resource_list.Find("resources");
  if (group_version.empty() || !resources || !resources->array()) return Malformed("no list of resources");
  const std::size_t slash = group_version.find('/');
  std::vector<Kind> kinds;
  std::vector<std::string> with_status;
  for (const Json& resource : *resources->array()) {
    const std::string name = TextAt(resource, {"name"});
    if (name.ends_with("/status")) with_status.push_back(name.substr(0, name.find('/')));
    if (name.find('/') != std::string::npos) continue;
    Kind kind{.group = slash == std::string::npos ? "" : group_version.substr(0, slash),
              .version = slash == std::string::npos ? group_version : group_version.substr(slash + 1),
              .kind = TextAt(resource, {"kind"}),
              .plural = name,
              .singular = TextAt(resource, {"singularName"}),
              .short_names = StringsAt(resource, "shortNames"),
              .categories = StringsAt(resource, "categories")};
    kind.list_kind = kind.kind + "List";
    kind.is_namespaced = api::codec::IsTrueAt(resource, {"namespaced"});
    kinds.push_back(std::move(kind));
  }
  for (Kind& kind : kinds) kind.has_status = api::HasWord(with_status, kind.plural);
  return kinds;
}

}  // namespace client
