#include "api/fields/merge.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/fields/layout.h"
#include "api/schema/node.h"

namespace api::fields {
namespace {

using schema::ListType;
using schema::Schema;

constexpr std::size_t kFaultsMax = 10;       // Enough to start a repair.
constexpr std::size_t kShownBytesMax = 64;   // Of a name that nobody declared.
constexpr std::size_t kPathBytesMax = 4096;  // Of what is said of one place.

/// Walks a value along its schema and notes what cannot be owned.
class Checker {
 public:
  void Check(const Json& value, const Schema* schema, const std::string& path, int depth) {
    const Parts parts = PartsOf(value, schema, depth);
    if (parts == Parts::kMembers) CheckMembers(*value.object(), schema, path, depth);
    if (parts == Parts::kElements) CheckElements(*value.array(), *schema, path, depth);
  }

  Expected<void> Result() const {
    if (faults_.empty()) return {};
    std::string text = faults_.size() > 1 ? "errors:" : faults_.front();
    for (std::size_t i = 0; faults_.size() > 1 && i < faults_.size(); ++i) text += "\n  " + faults_[i];
    return Error{Code::kInvalid, "Invalid", std::move(text)};
  }

 private:
  void Add(std::string fault) {
    if (faults_.size() < kFaultsMax) faults_.push_back(std::move(fault));
  }

  void CheckMembers(const Json::Object& members, const Schema* schema, const std::string& path, int depth) {
    const bool is_open = !schema || schema->node().keeps_unknown || schema->node().allows_any_member;
    for (const Json::Member& member : members) {
      const Schema* declared = MemberSchema(schema, member.key);
      const std::string inner = path + "." + codec::Printable(member.key, kShownBytesMax);
      if (!declared && !is_open)
        Add(inner + ": field not declared in schema");
      else
        Check(member.value, declared, inner, depth + 1);
    }
  }

  void CheckElements(const Json::Array& elements, const Schema& list, const std::string& path, int depth) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const std::string at = path + ": element " + std::to_string(i) + ": ";
      if (list.node().list_type == ListType::kMap && !HasKeys(elements[i], list, at)) continue;
      FieldSet one;
      FieldSet self;
      self.Insert();
      const std::string step = ElementStep(elements[i], list);
      one.Put(step, std::move(self));
      const std::string shown = one.Paths().front();
      if (!seen.insert(step).second) Add(path + std::string(": duplicate entries for key ").append(shown));
      Check(elements[i], list.items(), codec::Printable(path + shown, kPathBytesMax), depth + 1);
    }
  }

  bool HasKeys(const Json& element, const Schema& list, const std::string& at) {
    if (!element.is_object()) {
      Add(at + "associative list with keys may not have non-map elements");
      return false;
    }
    for (const std::string& key : list.node().list_map_keys) {
      const Schema* declared = MemberSchema(list.items(), key);
      if (element.Find(key) || (declared && declared->default_value())) continue;
      Add(std::string(at)
              .append("associative list with keys has an element that omits key field \"")
              .append(key)
              .append("\" (and doesn't have default value)"));
      return false;
    }
    return true;
  }

  std::vector<std::string> faults_;
};

void MergeValue(Json& target, const Json& applied, const Schema* schema, int depth);

void MergeElements(Json::Array& target, const Json::Array& applied, const Schema& list, int depth) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < target.size(); ++i) places.emplace(ElementStep(target[i], list), i);
  for (const Json& element : applied) {
    const auto [place, is_new] = places.emplace(ElementStep(element, list), target.size());
    if (is_new)
      target.push_back(element);
    else
      MergeValue(target[place->second], element, list.items(), depth + 1);
  }
}

/// One walk along both, which are sorted by key: putting each new member in its place moves all behind it each time.
void MergeMembers(Json::Object& target, const Json::Object& applied, const Schema* schema, int depth) {
  Json::Object merged;
  merged.reserve(target.size() + applied.size());
  auto present = target.begin();
  for (const Json::Member& member : applied) {
    while (present != target.end() && present->key < member.key) merged.push_back(std::move(*present++));
    if (present != target.end() && present->key == member.key) {
      MergeValue(present->value, member.value, MemberSchema(schema, member.key), depth + 1);
      merged.push_back(std::move(*present++));
    } else {
      merged.push_back(member);
    }
  }
  std::move(present, target.end(), std::back_inserter(merged));
  target = std::move(merged);
}

void MergeValue(Json& target, const Json& applied, const Schema* schema, int depth) {
  const Parts parts = PartsOf(applied, schema, depth);
  if (parts == Parts::kNone || parts != PartsOf(target, schema, depth)) {
    target = applied;
  } else if (parts == Parts::kElements) {
    MergeElements(*target.array(), *applied.array(), *schema, depth);
  } else {
    MergeMembers(*target.object(), *applied.object(), schema, depth);
  }
}

/// True when the value itself has to go.
bool RemoveFrom(Json& value, const FieldSet& gone, const FieldSet* kept, const Schema* schema, int depth) {
  const Parts parts = PartsOf(value, schema, depth);
  const auto goes = [&](const std::string& step, Json& part, const Schema* of_part) {
    const FieldSet* below = gone.Find(step);
    return below && RemoveFrom(part, *below, kept ? kept->Find(step) : nullptr, of_part, depth + 1);
  };
  if (parts == Parts::kMembers) {
    Json::Object left;
    for (Json::Member& member : *value.object())
      if (!goes(MemberStep(member.key), member.value, MemberSchema(schema, member.key)))
        left.push_back(std::move(member));
    *value.object() = std::move(left);
  } else if (parts == Parts::kElements) {
    Json::Array left;
    for (Json& element : *value.array())
      if (!goes(ElementStep(element, *schema), element, schema->items())) left.push_back(std::move(element));
    *value.array() = std::move(left);
  }
  if (kept) return false;
  return gone.is_member() || (parts != Parts::kNone && value.size() == 0);
}

}  // namespace

Expected<void> CheckDeclared(const Json& value, const Schema& schema) {
  Checker checker;
  checker.Check(value, &schema, "", 0);
  return checker.Result();
}

void Merge(Json& target, const Json& applied, const Schema& schema) { MergeValue(target, applied, &schema, 0); }

void Remove(Json& value, const FieldSet& gone, const FieldSet& kept, const Schema& schema) {
  (void)RemoveFrom(value, gone, &kept, &schema, 0);
}

}  // namespace api::fields
