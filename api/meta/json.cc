#include "api/meta/json.h"

#include <algorithm>
#include <iterator>

namespace api {
namespace {

auto LowerBound(auto& members, std::string_view key) {
  return std::lower_bound(members.begin(), members.end(), key,
                          [](const Json::Member& member, std::string_view name) { return member.key < name; });
}

}  // namespace

Json Json::EmptyObject() {
  Json json;
  json.value_.emplace<Object>();
  return json;
}

Json Json::FromMembers(Object members) {
  Json json;
  const auto not_ascending = [](const Member& left, const Member& right) { return left.key >= right.key; };
  if (std::adjacent_find(members.begin(), members.end(), not_ascending) == members.end()) {
    json.value_ = std::move(members);  // The rule: text of our own is read back.
    return json;
  }
  std::stable_sort(members.begin(), members.end(),
                   [](const Member& left, const Member& right) { return left.key < right.key; });
  // Of equal keys the last one given stands last in its run: keep it.
  Object kept;
  kept.reserve(members.size());
  for (Member& member : members) {
    if (!kept.empty() && kept.back().key == member.key)
      kept.back().value = std::move(member.value);
    else
      kept.push_back(std::move(member));
  }
  json.value_ = std::move(kept);
  return json;
}

Json Json::Of(std::initializer_list<Member> members) { return FromMembers(Object(members)); }

std::optional<double> Json::number() const {
  if (const auto* whole = integer()) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value_)) return *real;
  return std::nullopt;
}

std::string Json::StringOr(std::string_view other) const {
  const std::string* text = string();
  return text ? *text : std::string(other);
}

const Json* Json::Find(std::string_view key) const {
  const Object* members = object();
  if (!members) return nullptr;
  const auto found = LowerBound(*members, key);
  return found != members->end() && found->key == key ? &found->value : nullptr;
}

Json* Json::Find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).Find(key)); }

const Json* Json::At(std::initializer_list<std::string_view> path) const {
  const Json* here = this;
  for (const std::string_view key : path) {
    here = here->Find(key);
    if (!here) return nullptr;
  }
  return here;
}

Json& Json::operator[](std::string_view key) {
  if (!is_object()) value_.emplace<Object>();
  Object& members = *object();
  auto place = LowerBound(members, key);
  if (place == members.end() || place->key != key) place = members.insert(place, Member{std::string(key), Json()});
  return place->value;
}

bool Json::Erase(std::string_view key) {
  Object* members = object();
  if (!members) return false;
  const auto found = LowerBound(*members, key);
  if (found == members->end() || found->key != key) return false;
  members->erase(found);
  return true;
}

void Json::Append(Json value) {
  if (!is_array()) value_.emplace<Array>();
  array()->push_back(std::move(value));
}

std::size_t Json::size() const {
  if (const Array* elements = array()) return elements->size();
  if (const Object* members = object()) return members->size();
  return 0;
}

bool Json::operator==(const Json& other) const { return value_ == other.value_; }

std::string_view Json::TypeName() const {
  constexpr std::string_view kNames[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
  return kNames[value_.index()];
}

// Both lists are sorted: one walk along them, because thousands of single insertions would take quadratic time.
void MergePatch(Json& target, const Json& patch) {
  const Json::Object* changes = patch.object();
  if (!changes) {
    target = patch;
    return;
  }
  Json::Object members = target.object() ? std::move(*target.object()) : Json::Object();
  Json::Object merged;
  merged.reserve(members.size() + changes->size());
  auto member = members.begin();
  for (const Json::Member& change : *changes) {
    while (member != members.end() && member->key < change.key) merged.push_back(std::move(*member++));
    const bool is_there = member != members.end() && member->key == change.key;
    Json value = is_there ? std::move((member++)->value) : Json();
    if (change.value.is_null()) continue;
    MergePatch(value, change.value);
    merged.push_back({change.key, std::move(value)});
  }
  std::move(member, members.end(), std::back_inserter(merged));
  target = Json::FromMembers(std::move(merged));
}

}  // namespace api
