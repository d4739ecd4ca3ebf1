#include "server/negotiate.h"

#include <algorithm>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/yaml.h"
#include "api/meta/words.h"
#include "server/status.h"

namespace server {
namespace {

constexpr std::string_view kYaml = "application/yaml";
constexpr int kDepthMax = 96;  // An object of the greatest depth (JsonLimits) in a row of a table in a list.

/// Cuts the part before `separator` off the front, without blanks around it.
std::string_view TakePart(std::string_view& rest, char separator) {
  const std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return api::Trimmed(part);
}

MediaRange ReadRange(std::string_view entry) {
  MediaRange range{.type = TakePart(entry, ';')};
  while (!entry.empty()) {
    std::string_view value = TakePart(entry, ';');
    const std::string_view name = TakePart(value, '=');
    if (name == "as") range.as = value;
    if (name == "g") range.group = value;
    if (name == "v") range.version = value;
  }
  return range;
}

std::optional<Form> FormOf(std::string_view as, Asking asking) {
  if (as == "Table" && asking != Asking::kDocument) return Form::kTable;
  const bool is_metadata = (as == "PartialObjectMetadata" && (asking == Asking::kObject || asking == Asking::kWatch)) ||
                           (as == "PartialObjectMetadataList" && asking == Asking::kList);
  return is_metadata ? std::optional(Form::kMetadata) : std::nullopt;
}

std::optional<Wanted> Serve(const MediaRange& range, Asking asking) {
  const bool is_yaml = range.type == kYaml && asking != Asking::kWatch;  // Its documents have no end of their own.
  if (!range.TakesJson() && !is_yaml) return std::nullopt;
  if (range.as.empty()) return Wanted{.is_yaml = is_yaml};
  const auto form = FormOf(range.as, asking);
  if (!form || range.group != "meta.k8s.io" || (range.version != "v1" && range.version != "v1beta1"))
    return std::nullopt;
  return Wanted{.form = *form, .meta_version = std::string(range.version), .is_yaml = is_yaml};
}

}  // namespace

std::vector<MediaRange> ReadAccept(std::string_view accept) {
  if (accept.empty()) return {{.type = "*/*"}};
  std::vector<MediaRange> ranges;
  while (!accept.empty()) ranges.push_back(ReadRange(TakePart(accept, ',')));
  return ranges;
}

std::optional<Wanted> Negotiate(std::string_view accept, Asking asking) {
  for (const MediaRange& range : ReadAccept(accept))
    if (auto wanted = Serve(range, asking)) return wanted;
  return std::nullopt;
}

api::Error NotAcceptable(Asking asking) {
  std::string types = "application/json";
  if (asking != Asking::kWatch) types += ", " + std::string(kYaml);
  return {api::Code::kInvalid, "NotAcceptable", "only the following media types are accepted: " + types};
}

api::Expected<Wanted> ReadForm(const Request& request, Asking asking) {
  auto wanted = Negotiate(request.Find("accept"), asking);
  if (!wanted) return NotAcceptable(asking);
  const std::string_view include = request.target.query.Get("includeObject");
  if (include == "Object")
    wanted->include = Include::kObject;
  else if (include == "None")
    wanted->include = Include::kNone;
  else if (!include.empty() && include != "Metadata")
    return BadRequest("unrecognized includeObject value: \"" + std::string(include) + "\"");
  return *std::move(wanted);
}

Response FormedResponse(const Wanted& wanted, std::string json) {
  if (!wanted.is_yaml) return JsonResponse(200, std::move(json));
  // Whatever is served can be that: the limits are those of what comes in.
  const auto value = api::codec::ParseJson(json, {.bytes_max = json.size(), .depth_max = kDepthMax});
  if (!value) return Refuse(value.error().Within("an answer that is to be YAML"));
  return TypedResponse(200, kYaml, api::codec::WriteYaml(*value));
}

}  // namespace server
