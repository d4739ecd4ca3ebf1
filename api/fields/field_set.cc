#include "api/fields/field_set.h"

#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"

namespace api::fields {
namespace {

constexpr std::string_view kSelf = ".";
constexpr std::size_t kStepBytesMax = 400;  // The longest key of an annotation has 317.

Error NoFieldSet(std::string message) { return {Code::kInvalid, "InvalidFields", std::move(message)}; }

/// `k:{"name":"web"}` with sorted keys and without blanks, so that equal steps are equal texts.
Expected<std::string> ReadStep(const std::string& text) {
  if (text.starts_with("f:")) return text;
  if (!text.starts_with("k:") && !text.starts_with("v:"))
    return NoFieldSet("a step begins with f:, k: or v:, not as \"" + text + "\"");
  auto value = codec::ParseJson(std::string_view(text).substr(2));
  if (!value) return value.error().Within(text);
  if (text.starts_with("k:") && !value->is_object()) return NoFieldSet("k: needs an object of keys: " + text);
  return text.substr(0, 2) + codec::WriteJson(*value);
}

/// A step as people read it: `.spec`, `[name="web"]`, `[="x"]`.
std::string WholeStep(const std::string& step) {
  if (step.starts_with("f:")) return "." + step.substr(2);
  if (step.starts_with("v:")) return "[=" + step.substr(2) + "]";
  const auto keys = codec::ParseJson(std::string_view(step).substr(2));
  std::string shown;
  if (!keys || !keys->object()) return "[" + step.substr(2) + "]";
  for (const Json::Member& key : *keys->object())
    shown += (shown.empty() ? "" : ",") + key.key + "=" + codec::WriteJson(key.value);
  return "[" + shown + "]";
}

/// Clients choose the keys, and each path below a long one repeats it.
std::string Shown(const std::string& step) { return codec::Printable(WholeStep(step), kStepBytesMax); }

void AddPaths(const FieldSet& set, const std::string& prefix, std::size_t paths_max, std::vector<std::string>& paths) {
  for (const auto& [step, part] : set.children())
    if (part.is_member() && paths.size() < paths_max) paths.push_back(prefix + Shown(step));
  for (const auto& [step, part] : set.children()) {
    if (paths.size() >= paths_max) return;
    if (!part.children().empty()) AddPaths(part, prefix + Shown(step), paths_max, paths);
  }
}

/// Recurses as deep as the text, which ParseJson has limited.
Expected<FieldSet> Read(const Json& json, bool is_root) {
  if (!json.is_object()) return NoFieldSet("an object is needed, not " + std::string(json.TypeName()));
  FieldSet set;
  if (!is_root && json.size() == 0) set.Insert();
  for (const Json::Member& member : *json.object()) {
    if (member.key == kSelf) {
      set.Insert();
      continue;
    }
    auto step = ReadStep(member.key);
    if (!step) return step.error();
    auto part = Read(member.value, false);
    if (!part) return part.error();
    set.Put(*std::move(step), *std::move(part));
  }
  return set;
}

}  // namespace

Expected<FieldSet> FieldSet::FromJson(const Json& fields_v1) { return Read(fields_v1, true); }

Json FieldSet::ToJson() const {
  Json::Object members;
  if (is_member_ && !children_.empty()) members.push_back({std::string(kSelf), Json::EmptyObject()});
  for (const auto& [step, part] : children_) members.push_back({step, part.ToJson()});
  return Json::FromMembers(std::move(members));
}

const FieldSet* FieldSet::Find(std::string_view step) const {
  const auto found = children_.find(step);
  return found == children_.end() ? nullptr : &found->second;
}

void FieldSet::Put(std::string step, FieldSet part) {
  if (part.empty()) return;
  FieldSet& place = children_[std::move(step)];
  if (place.empty())
    place = std::move(part);
  else
    place.Unite(part);
}

void FieldSet::Unite(const FieldSet& other) {
  is_member_ = is_member_ || other.is_member_;
  for (const auto& [step, part] : other.children_) children_[step].Unite(part);
}

void FieldSet::Subtract(const FieldSet& other) {
  is_member_ = is_member_ && !other.is_member_;
  for (const auto& [step, part] : other.children_) {
    const auto mine = children_.find(step);
    if (mine == children_.end()) continue;
    mine->second.Subtract(part);
    if (mine->second.empty()) children_.erase(mine);
  }
}

FieldSet FieldSet::Intersection(const FieldSet& other) const {
  FieldSet both;
  both.is_member_ = is_member_ && other.is_member_;
  for (const auto& [step, part] : children_)
    if (const FieldSet* theirs = other.Find(step)) both.Put(step, part.Intersection(*theirs));
  return both;
}

std::vector<std::string> FieldSet::Paths(std::size_t paths_max) const {
  std::vector<std::string> paths;
  AddPaths(*this, "", paths_max, paths);
  return paths;
}

bool FieldSet::operator==(const FieldSet& other) const {
  return is_member_ == other.is_member_ && children_ == other.children_;
}

}  // namespace api::fields
