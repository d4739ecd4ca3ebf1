#include "server/read.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "server/list_body.h"
#include "server/negotiate.h"
#include "server/paging.h"
#include "server/selector.h"
#include "server/status.h"
#include "server/table.h"
#include "server/watch_stream.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using api::schema::Kind;
using reconciler::SnapshotPtr;

constexpr std::string_view kListOptions = "ListOptions";
constexpr std::size_t kWholeMax = 256u << 10;     // Of a list that is made at once: some hundred objects.
constexpr std::chrono::minutes kWatchLength{45};  // Without timeoutSeconds; Kubernetes takes 30 to 60 minutes.
constexpr std::chrono::hours kWatchLengthMax{24};

/// A decimal parameter; 0 when it is absent.
Expected<std::int64_t> Number(const Query& query, std::string_view name, std::int64_t min = INT64_MIN) {
  const std::string_view text = query.Get(name);
  std::int64_t number = 0;
  if (text.empty()) return number;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number < min)
    return BadRequest("invalid " + std::string(name) + " \"" + std::string(text) + "\": it must be a whole number");
  return number;
}

Error BadMatch(std::string_view reason, std::string message) {
  return InvalidOption(kListOptions, {"resourceVersionMatch", std::string(reason), std::move(message)});
}

/// The rules that tie resourceVersion, resourceVersionMatch and continue of a list together.
Expected<void> CheckListVersions(const Query& query) {
  const std::string_view match = query.Get("resourceVersionMatch");
  const std::string_view version = query.Get("resourceVersion");
  if (query.Has("sendInitialEvents"))
    return InvalidOption(kListOptions, {"sendInitialEvents", "FieldValueForbidden",
                                        "Forbidden: sendInitialEvents is forbidden for list"});
  if (!query.Get("continue").empty()) {
    if (!version.empty() && version != "0")
      return BadRequest("specifying resource version is not allowed when using continue");
    if (!match.empty())
      return BadMatch("FieldValueForbidden", "Forbidden: resourceVersionMatch is forbidden for continue");
  }
  if (match.empty()) return {};
  if (version.empty())
    return BadMatch("FieldValueForbidden",
                    "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (match != "Exact" && match != "NotOlderThan")
    return BadMatch("FieldValueNotSupported",
                    "Unsupported value: \"" + std::string(match) + "\": supported values: \"Exact\", \"NotOlderThan\"");
  if (match == "Exact" && version == "0")
    return BadMatch("FieldValueForbidden",
                    "Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"");
  return {};
}

/// Of a watch: who wants the beginning told as events has to say that any newer state will do.
Expected<void> CheckWatchVersions(const Query& query) {
  const std::string_view match = query.Get("resourceVersionMatch");
  if (query.Has("sendInitialEvents")) {
    if (match == "NotOlderThan") return {};
    return BadMatch("FieldValueForbidden",
                    "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  }
  if (match.empty()) return {};
  return BadMatch("FieldValueForbidden",
                  "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
}

Error TooLarge(std::int64_t asked, api::ResourceVersion current) {
  return {
      Code::kTimeout,
      "Timeout",
      "Timeout: Too large resource version: " + std::to_string(asked) + ", current: " + std::to_string(current.value),
      {{"", "ResourceVersionTooLarge", "Too large resource version"}}};
}

/// What list and watch have in common.
struct Asked {
  Selection selection{};
  Wanted wanted{};
  std::int64_t version = 0;
};

Expected<Asked> ReadOptions(const Request& request, const Route& route, bool is_watch) {
  const Query& query = request.target.query;
  Asked asked;
  auto wanted = ReadForm(request, is_watch ? Asking::kWatch : Asking::kList);
  if (!wanted) return wanted.error();
  asked.wanted = *std::move(wanted);
  auto selection = ReadSelection(query, route);
  if (!selection) return selection.error();
  asked.selection = *std::move(selection);
  auto version = Number(query, "resourceVersion", 0);
  if (!version) return version.error();
  asked.version = *version;
  if (auto versions = is_watch ? CheckWatchVersions(query) : CheckListVersions(query); !versions)
    return versions.error();
  return asked;
}

Expected<Json> ReadStored(const Kind& kind, const reconciler::Snapshot& item) {
  auto object = api::codec::ParseJson(item.text);
  if (!object) return object.error().Within("stored " + ToString(item.key));
  if (IsRespelled(kind)) SpellAsEventsGroup(*object);
  return object;
}

Expected<Json> TableOf(const Kind& kind, const Wanted& wanted, const ListMeta& meta,
                       const std::vector<SnapshotPtr>& items, api::Time now) {
  Json::Array rows;
  rows.reserve(items.size());
  for (const SnapshotPtr& item : items) {
    const auto object = ReadStored(kind, *item);
    if (!object) return object.error();
    rows.push_back(TableRow(kind, *object, wanted, now));
  }
  return MakeTable(wanted.meta_version, ListMetaJson(meta), TableColumns(kind), std::move(rows));
}

Expected<Json> MetadataListOf(const Kind& kind, const Wanted& wanted, const ListMeta& meta,
                              const std::vector<SnapshotPtr>& items) {
  Json::Array metadata;
  metadata.reserve(items.size());
  for (const SnapshotPtr& item : items) {
    const auto object = ReadStored(kind, *item);
    if (!object) return object.error();
    metadata.push_back(MetadataOf(*object, wanted.meta_version));
  }
  Json list = Json::Of({{"kind", "PartialObjectMetadataList"},
                        {"apiVersion", "meta.k8s.io/" + wanted.meta_version},
                        {"metadata", ListMetaJson(meta)}});
  list["items"] = Json(std::move(metadata));
  return list;
}

/// An answer that was made for this request, or why it could not be.
Response Formed(const Wanted& wanted, const Expected<Json>& json) {
  return json ? FormedResponse(wanted, api::codec::WriteJson(*json)) : Refuse(json.error());
}

/// A long one is made as it is sent.
Response ListResponse(const Kind& kind, const Wanted& wanted, const ListMeta& meta, std::vector<SnapshotPtr> items) {
  if (IsRespelled(kind)) {
    for (SnapshotPtr& item : items) {
      auto spelled = std::make_shared<reconciler::Snapshot>(*item);
      spelled->text = ServedText(kind, item->text);
      item = std::move(spelled);
    }
  }
  auto body = MakeListBody(kind, meta, std::move(items));
  Response response = JsonResponse(200, "");
  if (!wanted.is_yaml && body->size() > kWholeMax) {
    response.long_body = std::move(body);
    return response;
  }
  std::string text;
  text.reserve(body->size());
  while (text.size() < body->size()) text += body->Next();
  return FormedResponse(wanted, std::move(text));
}

/// What goes on from a token: the same moment, behind the last object that was sent.
Expected<reconciler::ObjectList> ListOn(const Backend& backend, const Route& route, std::string_view token_text) {
  const auto token = ReadPageToken(token_text);
  if (!token) return token.error();
  auto list = ListAt(backend.client, route.resource(), route.namespace_, token->revision);
  if (!list && list.error().code == Code::kExpired)
    return Error{Code::kExpired, "Expired",
                 "The provided continue parameter is too old to display a consistent list result. You can start a new "
                 "list without the continue parameter."};
  if (!list) return list;
  const api::ObjectKey last{route.resource(), token->namespace_, token->name};
  const auto first =
      std::upper_bound(list->items.begin(), list->items.end(), last,
                       [](const api::ObjectKey& key, const SnapshotPtr& item) { return key < item->key; });
  list->items.erase(list->items.begin(), first);
  return list;
}

Expected<reconciler::ObjectList> ListAsked(const Backend& backend, const Route& route, const Query& query,
                                           const Asked& asked) {
  if (!query.Get("continue").empty()) return ListOn(backend, route, query.Get("continue"));
  auto list = backend.client.List(route.resource(), route.namespace_);
  if (!list) return list;
  if (asked.version > list->revision.value) return TooLarge(asked.version, list->revision);
  if (query.Get("resourceVersionMatch") != "Exact") return list;
  list = ListAt(backend.client, route.resource(), route.namespace_, {asked.version});
  if (!list && list.error().code == Code::kExpired)
    return Error{Code::kExpired, "Expired", "The resourceVersion for the provided list is too old."};
  return list;
}

/// A version that is still to come is waited for, as in Kubernetes.
Response RefuseList(const Backend& backend, const Asked& asked, const Error& error) {
  Response refusal = Refuse(error);
  if (error.code == Code::kTimeout && backend.revision)
    refusal.is_outdated = [now = backend.revision, wanted = asked.version] { return now().value >= wanted; };
  return refusal;
}

}  // namespace

Response Get(const Backend& backend, const Request& request, const Route& route) {
  const auto wanted = ReadForm(request, Asking::kObject);
  if (!wanted) return Refuse(wanted.error());
  const auto found = backend.client.Get(route.key());
  if (!found) return Refuse(found.error(), Subject::Of(*route.kind, route.name));
  if (wanted->form == Form::kWhole) return FormedResponse(*wanted, ServedText(*route.kind, (*found)->text));
  if (wanted->form == Form::kTable)
    return Formed(*wanted, TableOf(*route.kind, *wanted, {.revision = (*found)->resource_version}, {*found},
                                   backend.clock.Now()));
  const auto object = ReadStored(*route.kind, **found);
  return Formed(*wanted, object ? MetadataOf(*object, wanted->meta_version) : object);
}

Response List(const Backend& backend, const Request& request, const Route& route) {
  auto asked = ReadOptions(request, route, false);
  if (!asked) return Refuse(asked.error(), Subject::OfOptions(kListOptions));
  const Query& query = request.target.query;
  const auto limit = Number(query, "limit");
  if (!limit) return Refuse(limit.error());
  auto list = ListAsked(backend, route, query, *asked);
  if (!list) return RefuseList(backend, *asked, list.error());
  const Selection& selection = asked->selection;
  const bool has_selector = !selection.labels.empty() || !selection.fields.empty();
  if (has_selector) std::erase_if(list->items, [&](const SnapshotPtr& item) { return !selection.Matches(*item); });
  // Kubernetes' servers give everything to a client that takes any version, and its informers rely on one answer.
  const bool is_any_version = query.Get("resourceVersion") == "0" && query.Get("continue").empty();
  ListMeta meta = CutPage(*list, is_any_version ? 0 : *limit);
  if (has_selector) meta.remaining.reset();  // As Kubernetes has it.
  const Wanted& wanted = asked->wanted;
  if (wanted.form == Form::kTable)
    return Formed(wanted, TableOf(*route.kind, wanted, meta, list->items, backend.clock.Now()));
  if (wanted.form == Form::kMetadata) return Formed(wanted, MetadataListOf(*route.kind, wanted, meta, list->items));
  return ListResponse(*route.kind, wanted, meta, std::move(list->items));
}

Response OpenWatch(const Backend& backend, const Request& request, const Route& route) {
  const Query& query = request.target.query;
  auto asked = ReadOptions(request, route, true);
  if (!asked) return Refuse(asked.error(), Subject::OfOptions(kListOptions));
  const auto seconds = Number(query, "timeoutSeconds");
  if (!seconds) return Refuse(seconds.error());
  const bool streams_list = query.IsTrue("sendInitialEvents");
  WatchOptions options{.kind = route.kind,
                       .selection = std::move(asked->selection),
                       .wanted = asked->wanted,
                       .has_bookmarks = query.IsTrue("allowWatchBookmarks"),
                       .length = kWatchLength};
  options.marks_beginning = streams_list && options.has_bookmarks;
  if (*seconds > 0) options.length = std::min<std::chrono::seconds>(std::chrono::seconds(*seconds), kWatchLengthMax);

  api::ResourceVersion from{asked->version};
  std::vector<SnapshotPtr> initial;
  if (from.value == 0 || streams_list) {
    auto list = backend.client.List(route.resource(), route.namespace_);
    if (!list) return Refuse(list.error(), Subject::Of(*route.kind));
    if (from > list->revision) return Refuse(TooLarge(from.value, list->revision));
    if (streams_list || !query.Has("sendInitialEvents")) initial = std::move(list->items);
    from = list->revision;
  }
  auto watch = backend.client.OpenWatch(route.resource(), from);
  Response response = JsonResponse(200, "");
  if (watch) {
    response.stream = MakeWatchStream(std::move(options), *std::move(watch), std::move(initial), from, backend.clock);
    return response;
  }
  if (watch.error().code != Code::kExpired) return Refuse(watch.error(), Subject::Of(*route.kind));
  // A version that is still to come is refused with another answer than one that is gone: that client need not list
  // again.
  const auto now = backend.client.List(route.resource(), route.namespace_);
  if (now && from > now->revision) return Refuse(TooLarge(from.value, now->revision));
  response.stream = MakeFailedStream(watch.error());
  return response;
}

}  // namespace server
