#include "client/wire_client.h"

#include <utility>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "client/wire_format.h"
#include "client/wire_watch.h"

namespace client {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using api::schema::Catalog;
using api::schema::Kind;
using api::schema::KindPtr;
using reconciler::PatchType;
using reconciler::Propagation;
using reconciler::WriteOptions;
using reconciler::Written;

std::string WriteQuery(const WriteOptions& options) {
  std::vector<std::pair<std::string, std::string>> parameters;
  if (options.is_dry_run) parameters.emplace_back("dryRun", "All");
  if (options.field_validation == reconciler::FieldValidation::kStrict)
    parameters.emplace_back("fieldValidation", "Strict");
  if (options.field_validation == reconciler::FieldValidation::kIgnore)
    parameters.emplace_back("fieldValidation", "Ignore");
  if (!options.field_manager.empty()) parameters.emplace_back("fieldManager", options.field_manager);
  if (options.is_forced) parameters.emplace_back("force", "true");
  return QueryOf(parameters);
}

std::string_view MediaTypeOf(PatchType type) {
  switch (type) {
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kApply:
      return "application/apply-patch+yaml";
  }
  return "";
}

std::string_view PolicyOf(Propagation propagation) {
  switch (propagation) {
    case Propagation::kBackground:
      return "Background";
    case Propagation::kForeground:
      return "Foreground";
    case Propagation::kOrphan:
      return "Orphan";
  }
  return "";
}

Expected<Json> BodyOf(const HttpResponse& response) {
  if (response.status >= 300) return ErrorOf(response);
  auto json = api::codec::ParseJson(response.body, {.bytes_max = response.body.size(), .depth_max = 70});
  if (!json)
    return Error{Code::kInternal, "MalformedAnswer", "the server's answer is no JSON: " + json.error().message};
  return json;
}

/// What a Status of success tells of the object that is gone.
Expected<Written> RemovedOf(const Kind& kind, const api::ObjectKey& key, const Json& status) {
  Json metadata = Json::Of({{"name", key.name}});
  if (!key.namespace_.empty()) metadata["namespace"] = key.namespace_;
  if (const Json* uid = status.At({"details", "uid"})) metadata["uid"] = *uid;
  auto snapshot = SnapshotOf(
      kind, Json::Of({{"apiVersion", kind.api_version()}, {"kind", kind.kind}, {"metadata", std::move(metadata)}}));
  if (!snapshot) return snapshot.error();
  return Written{.object = *std::move(snapshot), .is_removed = true};
}

bool HasFinalizers(const Json& object) {
  const Json* finalizers = object.At({"metadata", "finalizers"});
  return finalizers && finalizers->size() > 0;
}

}  // namespace

Expected<Json> WireClient::Fetch(const std::string& target, const std::string& accept) const {
  return Ask({.target = target, .accept = accept});
}

Expected<Json> WireClient::Ask(const HttpRequest& request) const {
  const auto response = transport_.Exchange(request);
  if (!response) return response.error();
  return BodyOf(*response);
}

Expected<std::unique_ptr<LineStream>> WireClient::Follow(const std::string& target, const std::string& accept) const {
  auto opened = transport_.Open({.target = target, .accept = accept});
  if (!opened) return opened.error();
  if (!opened->lines) return ErrorOf(opened->head);
  return std::move(opened->lines);
}

Expected<std::shared_ptr<const Catalog>> WireClient::Discover() const {
  std::vector<std::string> paths{"/api/v1"};
  const auto groups = Fetch("/apis");
  if (!groups) return groups.error();
  if (const Json* list = groups->Find("groups"); list && list->array())
    for (const Json& group : *list->array())
      if (const Json* version = group.At({"preferredVersion", "groupVersion"}))
        paths.push_back("/apis/" + version->StringOr(""));
  auto catalog = std::make_shared<Catalog>();
  for (const std::string& path : paths) {
    const auto resources = Fetch(path);
    if (!resources) return resources.error();
    auto kinds = KindsOf(*resources);
    if (!kinds) return kinds.error();
    for (Kind& kind : *kinds)
      if (auto added = catalog->Add(std::move(kind)); !added) return added.error();
  }
  const std::lock_guard lock(mutex_);
  kinds_ = catalog;
  return kinds_;
}

Expected<std::shared_ptr<const Catalog>> WireClient::Kinds() const {
  {
    const std::lock_guard lock(mutex_);
    if (kinds_) return kinds_;
  }
  return Discover();
}

template <class Find>
Expected<KindPtr> WireClient::FindKind(std::string_view what, Find find) const {
  for (const bool is_fresh : {false, true}) {
    auto kinds = is_fresh ? Discover() : Kinds();
    if (!kinds) return kinds.error();
    if (KindPtr kind = find(**kinds)) return kind;
  }
  return Error{Code::kNotFound, "NotFound", "the server could not find the requested resource " + std::string(what)};
}

Expected<KindPtr> WireClient::KindOf(std::string_view resource) const {
  return FindKind(resource, [&](const Catalog& kinds) { return kinds.FindResource(resource); });
}

Expected<KindPtr> WireClient::KindOf(const api::Object& object) const {
  return FindKind(object.kind + " of " + object.api_version,
                  [&](const Catalog& kinds) { return kinds.FindKind(object.api_version, object.kind); });
}

Expected<reconciler::SnapshotPtr> WireClient::Get(const api::ObjectKey& key) const {
  auto kind = KindOf(key.resource);
  if (!kind) return kind.error();
  auto object = Fetch(PathOf(**kind, key.namespace_, key.name));
  if (!object) return object.error();
  return SnapshotOf(**kind, *object);
}

Expected<reconciler::ObjectList> WireClient::List(std::string_view resource, std::string_view namespace_) const {
  auto kind = KindOf(resource);
  if (!kind) return kind.error();
  auto json = Fetch(PathOf(**kind, namespace_));
  if (!json) return json.error();
  reconciler::ObjectList objects{.revision = VersionOf(*json)};
  const Json* items = json->Find("items");
  if (!items || !items->array())
    return Error{Code::kInternal, "MalformedAnswer", "the server sent a list without items"};
  for (const Json& item : *items->array()) {
    auto snapshot = SnapshotOf(**kind, item);
    if (!snapshot) return snapshot.error();
    objects.items.push_back(*std::move(snapshot));
  }
  return objects;
}

Expected<std::unique_ptr<reconciler::Watch>> WireClient::OpenWatch(std::string_view resource,
                                                                   api::ResourceVersion from) {
  auto kind = KindOf(resource);
  if (!kind) return kind.error();
  auto lines = Follow(PathOf(**kind, "") + QueryOf({{"watch", "true"},
                                                    {"resourceVersion", std::to_string(from.value)},
                                                    {"allowWatchBookmarks", "true"}}),
                      "application/json");
  if (!lines) return lines.error();
  return std::unique_ptr<reconciler::Watch>(std::make_unique<WireWatch>(*std::move(kind), *std::move(lines)));
}

Expected<Written> WireClient::Write(const Kind& kind, const HttpRequest& request) const {
  const auto response = transport_.Exchange(request);
  if (!response) return response.error();
  const auto object = BodyOf(*response);
  if (!object) return object.error();
  auto snapshot = SnapshotOf(kind, *object);
  if (!snapshot) return snapshot.error();
  // A write that takes the last finalizer off an object being deleted removes it.
  const bool is_removed = (*snapshot)->is_deleting && !HasFinalizers(*object);
  return Written{.object = *std::move(snapshot), .is_removed = is_removed, .warnings = WarningsOf(*response)};
}

Expected<Written> WireClient::Create(api::Object object, const WriteOptions& options) {
  auto kind = KindOf(object);
  if (!kind) return kind.error();
  object.metadata.resource_version = {};  // As the embedded registry: the server's own fields are not the client's.
  return CreateFrom(**kind, object.metadata.namespace_, api::codec::ObjectToJson(object), options);
}

Expected<Written> WireClient::CreateFrom(const Kind& kind, std::string_view namespace_, const Json& object,
                                         const WriteOptions& options) {
  return Write(kind, {.method = "POST",
                      .target = PathOf(kind, namespace_) + WriteQuery(options),
                      .content_type = "application/json",
                      .body = api::codec::WriteJson(object)});
}

Expected<Written> WireClient::Replace(const api::Object& object, std::string_view subresource,
                                      const WriteOptions& options) const {
  auto kind = KindOf(object);
  if (!kind) return kind.error();
  const api::ObjectMeta& metadata = object.metadata;
  return Write(**kind, {.method = "PUT",
                        .target = PathOf(**kind, metadata.namespace_, metadata.name, subresource) + WriteQuery(options),
                        .content_type = "application/json",
                        .body = api::codec::WriteObject(object)});
}

Expected<Written> WireClient::Update(api::Object object, const WriteOptions& options) {
  return Replace(object, "", options);
}

Expected<Written> WireClient::UpdateStatus(api::Object object, const WriteOptions& options) {
  return Replace(object, "status", options);
}

Expected<Written> WireClient::Patch(const api::ObjectKey& key, const reconciler::PatchDocument& patch,
                                    const WriteOptions& options) {
  auto kind = KindOf(key.resource);
  if (!kind) return kind.error();
  const std::string_view subresource = patch.is_of_status ? "status" : "";
  return Write(**kind, {.method = "PATCH",
                        .target = PathOf(**kind, key.namespace_, key.name, subresource) + WriteQuery(options),
                        .content_type = std::string(MediaTypeOf(patch.type)),
                        .body = api::codec::WriteJson(patch.json)});
}

Expected<Written> WireClient::Delete(const api::ObjectKey& key, const reconciler::DeleteOptions& options) {
  auto kind = KindOf(key.resource);
  if (!kind) return kind.error();
  Json body = Json::Of({{"kind", "DeleteOptions"}, {"apiVersion", "v1"}});
  if (options.propagation) body["propagationPolicy"] = PolicyOf(*options.propagation);
  if (options.is_dry_run) body["dryRun"].Append("All");
  if (options.uid) body["preconditions"]["uid"] = options.uid->value;
  if (options.resource_version)
    body["preconditions"]["resourceVersion"] = std::to_string(options.resource_version->value);
  const auto response = transport_.Exchange({.method = "DELETE",
                                             .target = PathOf(**kind, key.namespace_, key.name),
                                             .content_type = "application/json",
                                             .body = api::codec::WriteJson(body)});
  if (!response) return response.error();
  const auto json = BodyOf(*response);
  if (!json) return json.error();
  if (const Json* status = json->Find("kind"); status && status->StringOr("") == "Status")
    return RemovedOf(**kind, key, *json);
  auto snapshot = SnapshotOf(**kind, *json);
  if (!snapshot) return snapshot.error();
  return Written{.object = *std::move(snapshot)};
}

}  // namespace client
