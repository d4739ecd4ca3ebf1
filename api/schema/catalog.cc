#include <algorithm>

#include "api/meta/words.h"
#include "api/schema/schema.h"

namespace api::schema {
namespace {

const Kind* FindFirst(const std::vector<std::unique_ptr<Kind>>& kinds, const auto& is_wanted) {
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) { return is_wanted(*kind); });
  return found == kinds.end() ? nullptr : found->get();
}

}  // namespace

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

Expected<void> Catalog::Add(Kind kind) {
  if (FindResource(kind.resource()))
    return Error{.code = Code::kAlreadyExists,
                 .reason = "KindExists",
                 .message = "the kind " + kind.resource() + " is declared twice"};
  kinds_.push_back(std::make_unique<Kind>(std::move(kind)));
  return {};
}

const Kind* Catalog::FindResource(std::string_view resource) const {
  return FindFirst(kinds_, [&](const Kind& kind) { return kind.resource() == resource; });
}

const Kind* Catalog::FindPath(std::string_view group, std::string_view version, std::string_view plural) const {
  return FindFirst(kinds_, [&](const Kind& kind) {
    return kind.group == group && kind.version == version && kind.plural == plural;
  });
}

const Kind* Catalog::FindKind(std::string_view api_version, std::string_view kind) const {
  return FindFirst(kinds_, [&](const Kind& one) { return one.kind == kind && one.api_version() == api_version; });
}

const Kind* Catalog::FindTyped(std::string_view text) const {
  const std::string typed = LowerCase(text);
  const std::size_t dot = std::min(typed.find('.'), typed.size());
  const std::string name = typed.substr(0, dot);
  const std::string group = typed.substr(std::min(dot + 1, typed.size()));
  const auto is_in_group = [&](const Kind& kind) { return dot == typed.size() || kind.group == group; };
  const Kind* by_name = FindFirst(kinds_, [&](const Kind& kind) {
    return is_in_group(kind) && (name == kind.plural || name == kind.singular || name == LowerCase(kind.kind));
  });
  if (by_name) return by_name;
  return FindFirst(kinds_, [&](const Kind& kind) { return is_in_group(kind) && HasWord(kind.short_names, name); });
}

}  // namespace api::schema
