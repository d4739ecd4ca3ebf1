#include "server/documents.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/meta/words.h"
#include "server/discovery.h"
#include "server/negotiate.h"
#include "server/openapi.h"
#include "server/openapi_protobuf.h"
#include "server/status.h"

namespace server {
namespace {

using api::Json;
using api::schema::Catalog;
using Segments = std::vector<std::string>;

// Asked for with an @, answered with a dot: no media type has an @.
constexpr std::string_view kAskedProtobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
constexpr std::string_view kOpenApiProtobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

bool IsOpenApi(const Segments& segments, std::string_view version) {
  return segments.size() >= 2 && segments[0] == "openapi" && segments[1] == version;
}

/// Null: there is no such document.
Json PlainDocument(const Catalog& catalog, const Segments& segments) {
  if (segments.size() == 1 && segments[0] == "version") return VersionDocument();
  if (IsOpenApi(segments, "v2")) return segments.size() == 2 ? OpenApiV2(catalog.kinds()) : Json();
  if (IsOpenApi(segments, "v3")) return OpenApiV3(catalog.kinds(), {segments.begin() + 2, segments.end()});
  return DiscoveryDocument(catalog, segments);
}

/// All groups in one, for who knows that form and asks for it before the plain one.
std::optional<Response> Aggregated(const Catalog& catalog, const Segments& segments, std::string_view accept) {
  if (segments.size() != 1 || (segments[0] != "api" && segments[0] != "apis")) return std::nullopt;
  for (const MediaRange& range : ReadAccept(accept)) {
    if (!range.TakesJson()) continue;
    if (range.as.empty()) return std::nullopt;
    const bool is_known = range.as == "APIGroupDiscoveryList" && range.group == "apidiscovery.k8s.io" &&
                          (range.version == "v2" || range.version == "v2beta1");
    if (!is_known) continue;
    const std::string version(range.version);
    // Clients tell the forms apart by these parameters, not by the body.
    return TypedResponse(200, "application/json;g=apidiscovery.k8s.io;v=" + version + ";as=APIGroupDiscoveryList",
                         api::codec::WriteJson(AggregatedDiscovery(catalog, segments[0] == "api", version)));
  }
  return std::nullopt;
}

bool TakesProtobuf(std::string_view accept) {
  for (const MediaRange& range : ReadAccept(accept)) {
    if (range.type == kAskedProtobuf || range.type == kOpenApiProtobuf) return true;
    if (range.TakesJson()) return false;
  }
  return false;
}

Response Written(const Segments& segments, const Json& document, std::string_view accept) {
  if (IsOpenApi(segments, "v2") && TakesProtobuf(accept))
    return TypedResponse(200, kOpenApiProtobuf, OpenApiV2Protobuf(document));
  const auto wanted = Negotiate(accept, Asking::kDocument);
  return wanted ? FormedResponse(*wanted, api::codec::WriteJson(document)) : Refuse(NotAcceptable(Asking::kDocument));
}

/// Whether one of the tags that a client has is that one. `W/` says no more than that the bytes may differ.
bool HasTag(std::string_view tags, std::string_view tag) {
  while (!tags.empty()) {
    std::string_view one = api::Trimmed(tags.substr(0, tags.find(',')));
    tags.remove_prefix(std::min(tags.size(), tags.find(',')));
    if (tags.starts_with(',')) tags.remove_prefix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == tag || one == "*") return true;
  }
  return false;
}

/// The answer with its tag, or that the client has it.
Response Tagged(Response response, std::string_view tags) {
  response.With("Vary", "Accept");
  if (response.status != 200) return response;
  const std::string tag = "\"" + api::codec::Sha256Hex(response.body) + "\"";
  response.With("ETag", tag);
  if (!HasTag(tags, tag)) return response;
  response.status = 304;
  response.body.clear();
  std::erase_if(response.headers, [](const Header& header) { return header.name == "Content-Type"; });
  return response;
}

}  // namespace

std::optional<Response> ServeDocument(const Catalog& catalog, const Request& request) {
  const Segments& segments = request.target.segments;
  const std::string_view accept = request.Find("accept");
  auto response = Aggregated(catalog, segments, accept);
  if (!response) {
    const Json document = PlainDocument(catalog, segments);
    if (document.is_null()) return std::nullopt;
    response = Written(segments, document, accept);
  }
  if (request.method != "GET" && request.method != "HEAD")
    return Refuse(MethodNotAllowed("the server does not allow this method on the requested resource"));
  return Tagged(*std::move(response), request.Find("if-none-match"));
}

bool IsLongDocument(const Request& request) {
  return !request.target.segments.empty() && request.target.segments.front() == "openapi";
}

}  // namespace server
