#include "server/delete_collection.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "server/delete_options.h"
#include "server/event_spelling.h"
#include "server/selector.h"
#include "server/status.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using reconciler::DeleteOptions;
using reconciler::SnapshotPtr;

constexpr std::size_t kObjectsMax = 2'000;  // Each is a commit of its own: some seconds of one worker.
constexpr int kTries = 8;                   // Of an object that others keep changing.

/// 0: none.
Expected<std::size_t> ReadLimit(const Query& query) {
  const std::string_view text = query.Get("limit");
  std::int64_t limit = 0;
  if (text.empty()) return std::size_t{0};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (failure != std::errc() || end != text.data() + text.size())
    return BadRequest("invalid limit \"" + std::string(text) + "\": it must be a whole number");
  return static_cast<std::size_t>(std::max<std::int64_t>(limit, 0));
}

/// What is to be deleted, in order.
Expected<std::vector<SnapshotPtr>> Choose(const Backend& backend, const Request& request, const Route& route,
                                          const Selection& selection) {
  auto limit = ReadLimit(request.target.query);
  if (!limit) return limit.error();
  auto list = backend.client.List(route.resource(), route.namespace_);
  if (!list) return list.error();
  std::vector<SnapshotPtr> chosen;
  for (SnapshotPtr& item : list->items)
    if (selection.Matches(*item)) chosen.push_back(std::move(item));
  const std::size_t count = chosen.size();
  if (*limit > 0 && count > *limit) chosen.resize(*limit);
  if (chosen.size() <= kObjectsMax) return chosen;
  return BadRequest(std::to_string(count) + " objects match, and " + std::to_string(kObjectsMax) +
                    " are deleted at once: narrow the selector, or say limit=" + std::to_string(kObjectsMax));
}

/// The state that was deleted; null when it went, or changed so that it is not meant any more.
Expected<SnapshotPtr> DeleteOne(const Backend& backend, SnapshotPtr item, const Selection& selection,
                                DeleteOptions options) {
  for (int tries = 1;; ++tries) {
    options.uid = item->uid;
    options.resource_version = item->resource_version;
    auto written = backend.client.Delete(item->key, options);
    if (written) return item;
    const Error& error = written.error();
    if (error.code == Code::kNotFound) return SnapshotPtr();
    if (error.code != Code::kConflict || tries == kTries) return error;
    auto now = backend.client.Get(item->key);
    if (!now && now.error().code != Code::kNotFound) return now.error();
    if (!now || !selection.Matches(**now)) return SnapshotPtr();
    item = *std::move(now);
  }
}

bool IsMeant(const DeleteOptions& options, const SnapshotPtr& item) {
  return (!options.uid || item->uid == *options.uid) &&
         (!options.resource_version || item->resource_version == *options.resource_version);
}

}  // namespace

Response DeleteCollection(const Backend& backend, const Request& request, const Route& route) {
  auto options = ReadDeleteOptions(request);
  if (!options) return Refuse(options.error(), Subject::OfOptions(kDeleteOptions));
  auto selection = ReadSelection(request.target.query, route);
  if (!selection) return Refuse(selection.error());
  auto chosen = Choose(backend, request, route, *selection);
  if (!chosen) return Refuse(chosen.error(), Subject::Of(*route.kind));
  std::string items;
  std::int64_t revision = 0;
  for (const SnapshotPtr& item : *chosen) {
    if (!IsMeant(*options, item)) continue;
    auto deleted = DeleteOne(backend, item, *selection, *options);
    if (!deleted) return Refuse(deleted.error(), Subject::Of(*route.kind, item->key.name));
    if (!*deleted) continue;
    items += (items.empty() ? "" : ",") + ServedText(*route.kind, (*deleted)->text);
    revision = std::max(revision, (*deleted)->resource_version.value);
  }
  const auto quoted = [](const std::string& text) { return api::codec::WriteJson(Json(text)); };
  return JsonResponse(200, R"({"apiVersion":)" + quoted(route.kind->api_version()) + R"(,"items":[)" + items +
                               R"(],"kind":)" + quoted(route.kind->list_kind) + R"(,"metadata":{"resourceVersion":")" +
                               std::to_string(revision) + "\"}}");
}

}  // namespace server
