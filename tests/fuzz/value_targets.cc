#include <string>

#include "api/codec/json.h"
#include "api/codec/yaml.h"
#include "api/meta/json_patch.h"
#include "api/schema/schema.h"
#include "server/http.h"
#include "server/negotiate.h"
#include "server/selector.h"
#include "tests/fuzz/targets.h"

/// What is done with values that were read, and what stands in a request's first lines.
namespace fuzz {
namespace {

using api::Json;
using api::codec::ParseJson;
using api::codec::WriteJson;

void CheckReadable(const Json& value) {
  const auto again = ParseJson(WriteJson(value));
  Promise(again && *again == value, "a result can be written and read");
}

bool IsPrintable(std::string_view text) {
  return text.find_first_of(std::string_view("\0\a\b\t\n\v\f\r\x1b\x7f", 10)) == std::string_view::npos;
}

}  // namespace

void RunSchema(std::string_view input) {
  const auto documents = api::codec::ParseYaml(input, "f");
  if (!documents || documents->size() != 2) return;
  const auto schema = api::schema::Schema::FromJson(documents->front(), "s");
  if (!schema) {
    Promise(!schema.error().causes.empty(), "a fault in a schema is named");
    for (const api::Cause& cause : schema.error().causes)
      Promise(cause.field.starts_with("s") && !cause.reason.empty(), "a fault has a path and a reason");
    return;
  }
  Json value = documents->back();
  schema->Prune(value);
  Promise(schema->Prune(value).empty(), "what was pruned has nothing to prune");
  schema->ApplyDefaults(value);
  const Json defaulted = value;
  schema->ApplyDefaults(value);
  Promise(value == defaulted, "defaults are filled in once");
  Promise(schema->Prune(value).empty(), "defaults are declared");
  const auto causes = schema->Validate(value);
  Promise(causes.size() <= 100, "there are 100 causes at most");
  for (const api::Cause& cause : causes) {
    Promise(cause.reason.starts_with("FieldValue") && !cause.message.empty(), "a cause has reason and message");
    Promise(IsPrintable(cause.field), "a path is fit for a terminal");
  }
}

void RunPatch(std::string_view input) {
  const auto parts = ParseJson(input);
  if (!parts || !parts->array() || parts->size() < 2) return;
  Json merged = parts->array()->front();
  Json patched = parts->array()->front();
  for (std::size_t i = 1; i < parts->size(); ++i) {
    const Json& patch = (*parts->array())[i];
    api::MergePatch(merged, patch);
    CheckReadable(merged);
    const Json once = merged;
    api::MergePatch(merged, patch);
    Promise(merged == once, "a merge patch changes nothing the second time");

    const auto result = api::JsonPatch(patched, patch);
    if (result) {
      patched = *result;
      CheckReadable(patched);
    } else {
      const std::string& reason = result.error().reason;
      Promise(reason == "InvalidPatch" || reason == "PatchFailed", "a patch is none, or does not fit");
      Promise(reason != "PatchFailed" || result.error().message.starts_with("operation "), "the operation is named");
    }
  }
}

void RunSelector(std::string_view input) {
  const std::vector<std::pair<std::string, std::string>> labels{{"a", "b"}, {"hero.dev/size", "7"}, {"env", ""}};
  if (const auto selector = server::LabelSelector::Parse(input))
    selector->Matches(labels);
  else
    Promise(!selector.error().message.empty(), "an error has a message");
  if (const auto selector = server::FieldSelector::Parse(input))
    selector->Matches({.resource = "users.hero.dev", .namespace_ = "a", .name = "b"});
  else
    Promise(!selector.error().message.empty(), "an error has a message");
  const Json value = Json::Of({{"a", Json::Array{Json::Of({{"b", 1}}), 2, "c"}}, {"d", Json::Of({{"e", true}})}});
  const auto matches = api::schema::EvaluatePath(value, input);
  Promise(matches || matches.error().message.starts_with("character "), "an error in a JSONPath has its place");
}

void RunRequest(std::string_view input) {
  const std::string_view target_text = TakePart(input);
  const auto target = server::ParseTarget(target_text);
  if (!target) return Promise(!target.error().message.empty(), "an error has a message");
  for (const std::string& segment : target->segments) {
    Promise(!segment.empty() && segment != "." && segment != "..", "a path has no empty and no dot segments");
    Promise(segment.find_first_of("/\\") == std::string::npos && IsPrintable(segment), "a segment is one name");
  }
  const std::string_view accept = TakePart(input);
  server::Negotiate(accept, true);
  const server::Request request{.method = "GET",
                                .target = *target,
                                .headers = {{"accept", std::string(accept)}, {"content-type", std::string(input)}}};
  const auto form = server::ReadForm(request);
  Promise(form || !form.error().message.empty(), "an error has a message");
  Promise(request.MediaType().find(';') == std::string::npos, "a media type has no parameters");

  server::Response response;
  response.With("X-Echo", std::string(accept));
  const std::string head = server::FormatHead(response, server::Framing::kLength, true);
  Promise(head.ends_with("\r\n\r\n") && head.find("\r\n\r\n") == head.size() - 4, "no value ends a head");
}

}  // namespace fuzz
