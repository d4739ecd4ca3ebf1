#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/yaml.h"
#include "api/meta/json_patch.h"
#include "api/schema/schema.h"
#include "server/http.h"
#include "server/negotiate.h"
#include "server/protobuf_reader.h"
#include "server/request_parser.h"
#include "server/selector.h"
#include "tests/fuzz/targets.h"
#include "tests/support/protobuf_bytes.h"

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
  const api::schema::Kind core{.version = "v1", .kind = "Event", .plural = "events"};
  const api::schema::Kind events{.group = "events.k8s.io", .version = "v1", .kind = "Event", .plural = "events"};
  const reconciler::Snapshot event{.key = {"events", "a", "b"}, .text = R"({"involvedObject":{"kind":"Slot"}})"};
  for (const api::schema::Kind* kind : {static_cast<const api::schema::Kind*>(nullptr), &core, &events}) {
    const auto selector = server::FieldSelector::Parse(input, kind);
    Promise(selector || selector.error().reason == "BadRequest", "a wrong selector is a bad request");
    if (selector) selector->Matches(event);
  }
  const Json value = Json::Of({{"a", Json::Array{Json::Of({{"b", 1}}), 2, "c"}}, {"d", Json::Of({{"e", true}})}});
  const auto matches = api::schema::EvaluatePath(value, input);
  Promise(matches || matches.error().message.starts_with("character "), "an error in a JSONPath has its place");
}

void RunProtobuf(std::string_view input) {
  std::vector<std::string> bodies{std::string(input)};
  for (const std::string_view kind : {"Namespace", "Event", "DeleteOptions"})
    bodies.push_back(tests::Envelope("v1", kind, input));
  bodies.push_back(tests::Envelope("coordination.k8s.io/v1", "Lease", input));
  for (const std::string& body : bodies) {
    const auto object = server::ReadProtobuf(body);
    if (!object) {
      Promise(object.error().code == api::Code::kInvalid && !object.error().message.empty(), "an error has a message");
      continue;
    }
    Promise(object->is_object() && object->Find("kind"), "an object has a kind");
    CheckReadable(*object);
  }
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
  const server::Request request{.method = "GET",
                                .target = *target,
                                .headers = {{"accept", std::string(accept)}, {"content-type", std::string(input)}}};
  for (const auto asking :
       {server::Asking::kDocument, server::Asking::kObject, server::Asking::kList, server::Asking::kWatch}) {
    const auto form = server::ReadForm(request, asking);
    Promise(form || !form.error().message.empty(), "an error has a message");
    Promise(!form || asking != server::Asking::kDocument || form->form == server::Form::kWhole,
            "a document has one form");
  }
  Promise(request.MediaType().find(';') == std::string::npos, "a media type has no parameters");

  server::Response response;
  response.With("X-Echo", std::string(accept));
  const std::string head = server::FormatHead(response, server::Framing::kLength, true);
  Promise(head.ends_with("\r\n\r\n") && head.find("\r\n\r\n") == head.size() - 4, "no value ends a head");
}

namespace {

constexpr std::string_view kHeadTooLarge = "RequestHeaderFieldsTooLarge";

/// What a connection came to.
struct Heard {
  std::vector<server::ParsedRequest> requests{};
  std::string refused_with{};  ///< The reason of what ended it; empty: it waits for more.
};

/// As the listener does: bytes come in pieces of `piece`, and what is left over is given again.
Heard Hear(std::string_view input, std::size_t piece) {
  constexpr server::RequestLimits kLimits{.header_bytes_max = 512, .body_bytes_max = 1024};
  Heard heard;
  std::optional<server::RequestParser> parser(kLimits);
  std::string waiting;
  while (!input.empty()) {
    waiting += input.substr(0, piece);
    input.remove_prefix(std::min(piece, input.size()));
    for (bool goes_on = true; goes_on && !waiting.empty();) {
      const auto taken = parser->Take(waiting);
      if (!taken) {
        Promise(taken.error().code == api::Code::kInvalid, "what is read wrong is invalid");
        Promise(!taken.error().message.empty(), "an error has a message");
        heard.refused_with = taken.error().reason;
        return heard;
      }
      Promise(*taken <= waiting.size(), "no more is taken than was given");
      waiting.erase(0, *taken);
      goes_on = parser->is_done() || parser->AsksToContinue();
      if (!parser->is_done()) continue;
      heard.requests.push_back(parser->Release());
      parser.emplace(kLimits);
    }
  }
  return heard;
}

}  // namespace

void RunHttp(std::string_view input) {
  const Heard whole = Hear(input, std::max<std::size_t>(input.size(), 1));
  for (const server::ParsedRequest& parsed : whole.requests) {
    const server::Request& request = parsed.request;
    Promise(!request.method.empty() && !parsed.target.empty(), "a request has a method and a target");
    Promise(request.body.size() <= 1024, "a body keeps its limit");
    for (const server::Header& header : request.headers) {
      Promise(std::none_of(header.name.begin(), header.name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }),
              "names of headers are in lower case");
      Promise(header.value.find_first_of("\r\n") == std::string::npos, "a header is one line");
    }
    (void)server::ParseTarget(parsed.target);
  }
  // However it was cut, it is the same conversation: nobody smuggles a request past the place of a cut.
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
    const Heard cut = Hear(input, piece);
    // At the limit of a head the library counts a byte more or less by how it came; who is refused there is refused.
    const bool is_at_limit = (whole.requests.size() < cut.requests.size() ? whole : cut).refused_with == kHeadTooLarge;
    Promise(cut.requests.size() == whole.requests.size() || is_at_limit, "a cut changes no number of requests");
    for (std::size_t i = 0; i < std::min(cut.requests.size(), whole.requests.size()); ++i) {
      const server::ParsedRequest& a = whole.requests[i];
      const server::ParsedRequest& b = cut.requests[i];
      Promise(a.request.method == b.request.method && a.target == b.target && a.request.body == b.request.body &&
                  a.request.headers.size() == b.request.headers.size() && a.is_kept_alive == b.is_kept_alive,
              "a cut changes no request");
    }
  }
}

}  // namespace fuzz
