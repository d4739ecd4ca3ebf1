#include <algorithm>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "api/meta/words.h"
#include "api/schema/schema.h"

namespace api::schema {
namespace {

/// Finds by a view without making a text of it.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

KindPtr FindFirst(const std::vector<KindPtr>& kinds, const auto& is_wanted) {
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const KindPtr& kind) { return is_wanted(*kind); });
  return found == kinds.end() ? nullptr : *found;
}

bool IsApiVersion(const Kind& kind, std::string_view text) {
  if (kind.group.empty()) return text == kind.version;
  return text.size() == kind.group.size() + 1 + kind.version.size() && text.starts_with(kind.group) &&
         text[kind.group.size()] == '/' && text.ends_with(kind.version);
}

}  // namespace

/// Never changed once it is published.
struct Catalog::Index {
  std::vector<KindPtr> kinds;
  std::unordered_map<std::string, KindPtr, TextHash, std::equal_to<>> by_resource;
  std::unordered_multimap<std::string, KindPtr, TextHash, std::equal_to<>> by_kind;
};

struct Catalog::State {
  std::mutex changing;  ///< Held through a change, so that none is lost.
  std::mutex mutex;
  // Guarded by mutex.
  std::shared_ptr<const Index> index = std::make_shared<const Index>();
};

Kind KindWithoutSchema(const KindInfo& info) {
  return {.group = std::string(info.group),
          .version = std::string(info.version),
          .kind = std::string(info.kind),
          .list_kind = std::string(info.kind) + "List",
          .plural = std::string(info.plural),
          .singular = LowerCase(info.kind),
          .is_namespaced = info.is_namespaced,
          .has_status = true};
}

Catalog::Catalog() : state_(std::make_unique<State>()) {}
Catalog::Catalog(Catalog&& other) noexcept = default;
Catalog& Catalog::operator=(Catalog&& other) noexcept = default;
Catalog::~Catalog() = default;

std::shared_ptr<const Catalog::Index> Catalog::Now() const {
  const std::lock_guard lock(state_->mutex);
  return state_->index;
}

/// Publishes the index of what `change` makes of the kinds.
template <class Change>
void Catalog::Modify(Change change) {
  const std::lock_guard changing(state_->changing);
  auto next = std::make_shared<Index>();
  next->kinds = Now()->kinds;
  change(next->kinds);
  for (const KindPtr& kind : next->kinds) {
    next->by_resource.emplace(kind->resource(), kind);
    next->by_kind.emplace(kind->kind, kind);
  }
  const std::lock_guard lock(state_->mutex);
  state_->index = std::move(next);
}

Expected<void> Catalog::Add(Kind kind) {
  bool is_new = true;
  Modify([&](std::vector<KindPtr>& kinds) {
    const std::string resource = kind.resource();
    is_new = !FindFirst(kinds, [&](const Kind& one) { return one.resource() == resource; });
    if (is_new) kinds.push_back(std::make_shared<const Kind>(kind));
  });
  if (is_new) return {};
  return Error{.code = Code::kAlreadyExists,
               .reason = "KindExists",
               .message = "the kind " + kind.resource() + " is declared twice"};
}

void Catalog::Put(Kind kind) {
  Modify([&](std::vector<KindPtr>& kinds) {
    auto next = std::make_shared<const Kind>(std::move(kind));
    const auto found = std::find_if(kinds.begin(), kinds.end(),
                                    [&](const KindPtr& one) { return one->resource() == next->resource(); });
    if (found == kinds.end())
      kinds.push_back(std::move(next));
    else
      *found = std::move(next);
  });
}

void Catalog::Remove(std::string_view resource) {
  Modify([&](std::vector<KindPtr>& kinds) {
    std::erase_if(kinds, [&](const KindPtr& kind) { return kind->resource() == resource; });
  });
}

KindPtr Catalog::FindResource(std::string_view resource) const {
  const auto index = Now();
  const auto found = index->by_resource.find(resource);
  return found == index->by_resource.end() ? nullptr : found->second;
}

KindPtr Catalog::FindPath(std::string_view group, std::string_view version, std::string_view plural) const {
  KindPtr kind = FindResource(ResourceName(group, plural));
  return kind && kind->group == group && kind->version == version ? kind : nullptr;
}

KindPtr Catalog::FindKind(std::string_view api_version, std::string_view kind) const {
  const auto index = Now();
  const auto [begin, end] = index->by_kind.equal_range(kind);
  const auto found = std::find_if(begin, end, [&](const auto& one) { return IsApiVersion(*one.second, api_version); });
  return found == end ? nullptr : found->second;
}

KindPtr Catalog::FindTyped(std::string_view text) const {
  const auto index = Now();
  const std::string typed = LowerCase(text);
  const std::size_t dot = std::min(typed.find('.'), typed.size());
  const std::string name = typed.substr(0, dot);
  const std::string group = typed.substr(std::min(dot + 1, typed.size()));
  const auto is_in_group = [&](const Kind& kind) { return dot == typed.size() || kind.group == group; };
  KindPtr by_name = FindFirst(index->kinds, [&](const Kind& kind) {
    return is_in_group(kind) && (name == kind.plural || name == kind.singular || name == LowerCase(kind.kind));
  });
  if (by_name) return by_name;
  return FindFirst(index->kinds,
                   [&](const Kind& kind) { return is_in_group(kind) && HasWord(kind.short_names, name); });
}

std::vector<KindPtr> Catalog::kinds() const { return Now()->kinds; }

}  // namespace api::schema
