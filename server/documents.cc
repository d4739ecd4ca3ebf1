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

/// Of all documents together, each in the forms that clients ask for. Those of fifty kinds in six forms have 10 MiB.
constexpr std::size_t kKeptBytesMax = 16u << 20;

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

/// Path and form, as they were asked for.
std::string KeyOf(const Request& request) {
  std::string key;
  for (const std::string& segment : request.target.segments) key += segment + "\n";  // Which no segment has.
  return key + std::string(request.Find("accept"));
}

}  // namespace

/// As it is answered to everybody who asks for it like that.
struct Documents::Document {
  std::vector<Header> headers{};
  std::string body{};
  std::string tag{};
};

std::optional<Response> Documents::Serve(const Request& request) {
  const std::string key = KeyOf(request);
  std::shared_ptr<const Document> document = Find(key);
  if (!document) {
    const Segments& segments = request.target.segments;
    const std::string_view accept = request.Find("accept");
    auto kinds = catalog_.kinds();  // Before the document: of newer ones it would only be made once more.
    auto made = Aggregated(catalog_, segments, accept);
    if (!made) {
      const Json plain = PlainDocument(catalog_, segments);
      if (plain.is_null()) return std::nullopt;
      made = Written(segments, plain, accept);
    }
    made->With("Vary", "Accept");
    if (made->status != 200) return made;
    const std::string tag = "\"" + api::codec::Sha256Hex(made->body) + "\"";
    made->With("ETag", tag);
    document = std::make_shared<const Document>(Document{std::move(made->headers), std::move(made->body), tag});
    Keep(key, std::move(kinds), document);
  }
  if (request.method != "GET" && request.method != "HEAD")
    return Refuse(MethodNotAllowed("the server does not allow this method on the requested resource"));
  Response response{.headers = document->headers};
  if (!HasTag(request.Find("if-none-match"), document->tag)) {
    response.body = document->body;
    return response;
  }
  response.status = 304;
  std::erase_if(response.headers, [](const Header& header) { return header.name == "Content-Type"; });
  return response;
}

/// Null: there is none of the present kinds.
std::shared_ptr<const Documents::Document> Documents::Find(const std::string& key) {
  const auto now = catalog_.kinds();
  const std::lock_guard lock(mutex_);
  const auto found = kinds_ == now ? documents_.find(key) : documents_.end();
  return found == documents_.end() ? nullptr : found->second;
}

void Documents::Keep(std::string key, std::vector<api::schema::KindPtr> kinds,
                     std::shared_ptr<const Document> document) {
  const std::lock_guard lock(mutex_);
  ++made_;
  constexpr std::size_t kEntryBytes = 512;  // Headers, tag, and the place in the map.
  const std::size_t bytes = key.size() + document->body.size() + kEntryBytes;
  if (kinds_ != kinds || bytes_ + bytes > kKeptBytesMax) {
    documents_.clear();
    bytes_ = 0;
    kinds_ = std::move(kinds);
  }
  if (bytes > kKeptBytesMax) return;
  if (documents_.insert_or_assign(std::move(key), std::move(document)).second) bytes_ += bytes;
}

std::size_t Documents::made() const {
  const std::lock_guard lock(mutex_);
  return made_;
}

std::size_t Documents::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

bool IsLongDocument(const Request& request) {
  return !request.target.segments.empty() && request.target.segments.front() == "openapi";
}

}  // namespace server
