#include "server/delete_options.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "api/codec/json.h"
#include "server/protobuf_reader.h"
#include "server/status.h"

namespace server {
namespace {

using api::Expected;
using api::Json;
using reconciler::Propagation;

Expected<Json> ReadBody(const Request& request) {
  if (request.body.empty()) return Json::EmptyObject();
  const std::string type = request.MediaType();
  const bool is_protobuf = type == kProtobufType || IsProtobuf(request.body);
  if (!is_protobuf && !type.empty() && type != "application/json") return UnsupportedMediaType("application/json");
  auto body = is_protobuf ? ReadProtobuf(request.body) : api::codec::ParseJson(request.body);
  if (!body && body.error().reason == "UnsupportedMediaType") return body;
  if (!body) return BadRequest("error decoding DeleteOptions: " + body.error().message);
  if (!body->is_object())
    return BadRequest("error decoding DeleteOptions: an object is needed, not " + std::string(body->TypeName()));
  if (const Json* kind = body->Find("kind"); kind && kind->StringOr("") != kDeleteOptions)
    return BadRequest("the object provided is unrecognized (must be of type DeleteOptions): it says " +
                      kind->StringOr("nothing"));
  return body;
}

/// The policy that is asked for; none: the server's.
Expected<std::optional<Propagation>> ReadPolicy(const Json& body, const Query& query) {
  const Json* given = body.Find("propagationPolicy");
  const std::string policy = given ? given->StringOr("") : std::string(query.Get("propagationPolicy"));
  const Json* orphan = body.Find("orphanDependents");
  const bool is_orphan_given = (orphan && !orphan->is_null()) || query.Has("orphanDependents");
  const bool is_orphan = orphan && !orphan->is_null() ? *orphan == Json(true) : query.IsTrue("orphanDependents");
  if (policy.empty() && !is_orphan_given) return std::optional<Propagation>();
  if (policy.empty()) return std::optional(is_orphan ? Propagation::kOrphan : Propagation::kBackground);
  if (is_orphan_given)
    return InvalidOption(kDeleteOptions, {"propagationPolicy", "FieldValueInvalid",
                                          "Invalid value: \"" + policy +
                                              "\": orphanDependents and deletionPropagation cannot be both set"});
  if (policy == "Foreground") return std::optional(Propagation::kForeground);
  if (policy == "Orphan") return std::optional(Propagation::kOrphan);
  if (policy != "Background")
    return InvalidOption(kDeleteOptions, {"propagationPolicy", "FieldValueNotSupported",
                                          "Unsupported value: \"" + policy +
                                              "\": supported values: \"Foreground\", \"Background\", \"Orphan\""});
  return std::optional(Propagation::kBackground);
}

Expected<bool> ReadDryRun(const Json& body, const Query& query) {
  Json given = body.Find("dryRun") ? *body.Find("dryRun") : Json();
  if (given.is_null() && query.Has("dryRun")) given.Append(query.Get("dryRun"));
  if (given.is_null() || given == Json(Json::Array{})) return false;
  if (given == Json(Json::Array{"All"})) return true;
  return InvalidOption(kDeleteOptions,
                       {"dryRun", "FieldValueNotSupported",
                        "Unsupported value: " + api::codec::WriteJson(given) + ": supported values: \"All\""});
}

Expected<api::ResourceVersion> ReadVersion(const std::string& text) {
  api::ResourceVersion version;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), version.value);
  if (failure != std::errc() || end != text.data() + text.size())
    return BadRequest("error decoding DeleteOptions: preconditions.resourceVersion must be a string of decimal digits");
  return version;
}

}  // namespace

Expected<reconciler::DeleteOptions> ReadDeleteOptions(const Request& request) {
  const Query& query = request.target.query;
  auto body = ReadBody(request);
  if (!body) return body.error();
  auto policy = ReadPolicy(*body, query);
  if (!policy) return policy.error();
  auto dry_run = ReadDryRun(*body, query);
  if (!dry_run) return dry_run.error();
  reconciler::DeleteOptions options{.actor = request.caller.Actor(),
                                    .from = request.caller.from,
                                    .is_dry_run = *dry_run,
                                    .propagation = *policy,
                                    .is_of_client = true};
  if (const Json* uid = body->At({"preconditions", "uid"}); uid && uid->is_string())
    options.uid = api::Uid{*uid->string()};
  if (const Json* text = body->At({"preconditions", "resourceVersion"}); text && !text->is_null()) {
    auto version = ReadVersion(text->StringOr(""));
    if (!version) return version.error();
    options.resource_version = *version;
  }
  return options;
}

}  // namespace server
