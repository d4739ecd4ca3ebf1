#include "server/paging.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "reconciler/watch.h"
#include "server/status.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::ObjectKey;
using reconciler::EventType;
using reconciler::SnapshotPtr;

Error TooOld(api::ResourceVersion revision) {
  return {Code::kExpired, "Expired",
          "the state at resource version " + std::to_string(revision.value) + " is no longer known"};
}

/// What changed after `revision` and up to `newest`: of each object the state that it had, null for none.
Expected<std::map<ObjectKey, SnapshotPtr>> ChangedSince(reconciler::Client& client, std::string_view resource,
                                                        api::ResourceVersion revision, api::ResourceVersion newest) {
  auto watch = client.OpenWatch(resource, revision);
  if (!watch) return watch.error();
  std::map<ObjectKey, SnapshotPtr> changed;
  for (;;) {
    auto event = (*watch)->Next(std::chrono::milliseconds(0), {});
    if (!event) return event.error();
    if (!*event || (*event)->revision > newest) return changed;
    if (!(*event)->object) continue;
    if ((*event)->type != EventType::kAdded && !(*event)->previous) return TooOld(revision);
    changed.emplace((*event)->object->key, (*event)->previous);  // The first change of an object counts.
  }
}

}  // namespace

std::string WritePageToken(const PageToken& token) {
  return std::to_string(token.revision.value) + "." + token.namespace_ + "/" + token.name;
}

Expected<PageToken> ReadPageToken(std::string_view text) {
  PageToken token;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), token.revision.value);
  std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  const std::size_t slash = rest.find('/');
  const bool is_whole = failure == std::errc() && token.revision.value > 0 && rest.starts_with('.') &&
                        slash != std::string_view::npos && slash + 1 < rest.size();
  if (!is_whole)
    return BadRequest(
        "invalid continue token: send back metadata.continue of the page before as it is, or begin a new list");
  token.namespace_ = rest.substr(1, slash - 1);
  token.name = rest.substr(slash + 1);
  return token;
}

Expected<reconciler::ObjectList> ListAt(reconciler::Client& client, std::string_view resource,
                                        std::string_view namespace_, api::ResourceVersion revision) {
  auto list = client.List(resource, namespace_);
  if (!list || list->revision == revision) return list;
  auto changed = ChangedSince(client, resource, revision, list->revision);
  if (!changed) return changed.error();
  list->revision = revision;
  // A change in place is the rule and costs a look-up; what came or went since moves what stands behind it.
  for (auto& [key, before] : *changed) {
    if (!namespace_.empty() && key.namespace_ != namespace_) continue;
    const auto at =
        std::lower_bound(list->items.begin(), list->items.end(), key,
                         [](const SnapshotPtr& item, const ObjectKey& wanted) { return item->key < wanted; });
    const bool is_there = at != list->items.end() && (*at)->key == key;
    if (before && is_there)
      *at = std::move(before);
    else if (before)
      list->items.insert(at, std::move(before));
    else if (is_there)
      list->items.erase(at);
  }
  return list;
}

ListMeta CutPage(reconciler::ObjectList& list, std::int64_t limit) {
  ListMeta meta{.revision = list.revision};
  const auto count = static_cast<std::int64_t>(list.items.size());
  if (limit <= 0 || count <= limit) return meta;
  list.items.resize(static_cast<std::size_t>(limit));
  const ObjectKey& last = list.items.back()->key;
  meta.continue_token = WritePageToken({list.revision, last.namespace_, last.name});
  meta.remaining = count - limit;
  return meta;
}

}  // namespace server
