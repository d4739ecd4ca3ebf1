#include <algorithm>
#include <array>

#include "api/schema/loader.h"

/// What each keyword of a schema means, in one table.
namespace api::schema {
namespace {

template <auto Member>
void ReadInto(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  loader.Read(value, spot, node.*Member);
}

/// For people; nothing to keep.
void Ignore(Loader&, const Json&, const Spot&, SchemaNode&) {}

void ReadProperties(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  if (!value.is_object()) return loader.WantType(value, spot, "object");
  for (const Json::Member& member : *value.object())
    node.properties.push_back({member.key, loader.LoadBelow(member.value, spot.Member(member.key))});
}

void ReadAdditionalProperties(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  if (!value.boolean())
    node.additional_properties = loader.LoadBelow(value, spot);
  else if (*value.boolean())
    node.allows_any_member = true;
  else
    loader.faults.AddForbidden(spot.path, "unknown members are pruned anyway; leave it out");
}

void ReadItems(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  node.items = loader.LoadBelow(value, spot);
}

void ReadNot(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  node.negated = loader.LoadJudge(value, spot);
}

void ReadEnum(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  if (!value.array() || value.size() == 0) return loader.WantType(value, spot, "an array of one value or more");
  node.allowed = *value.array();
}

void ReadMultipleOf(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  const auto unit = value.number();
  if (!unit || *unit <= 0) return loader.faults.AddInvalid(spot.path, "must be a number greater than 0");
  node.multiple_of = value;
}

void ReadPattern(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  std::string text;
  loader.Read(value, spot, text);
  auto pattern = Pattern::Compile(text);
  if (pattern)
    node.pattern = *std::move(pattern);
  else
    loader.faults.AddInvalid(spot.path, pattern.error().message);
}

void ReadDefault(Loader&, const Json& value, const Spot&, SchemaNode& node) { node.default_value = value; }

void ReadUniqueItems(Loader& loader, const Json& value, const Spot& spot, SchemaNode&) {
  if (value != Json(false)) loader.faults.AddForbidden(spot.path, "say x-kubernetes-list-type: set instead");
}

// Keywords come sorted, so `type` has been read.
void ReadIntOrString(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  bool is_either = false;
  loader.Read(value, spot, is_either);
  if (!is_either) return;
  if (!node.type.empty()) loader.faults.AddForbidden(spot.path, "must not stand beside type");
  node.type = "int-or-string";
}

void ReadListType(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  const std::string name = value.StringOr("");
  if (name == "set")
    node.list_type = ListType::kSet;
  else if (name == "map")
    node.list_type = ListType::kMap;
  else if (name != "atomic")
    loader.faults.AddInvalid(spot.path, "must be atomic, set or map");
}

void ReadMapType(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) {
  node.is_atomic_map = value == Json("atomic");
  if (!node.is_atomic_map && value != Json("granular"))
    loader.faults.AddInvalid(spot.path, "must be atomic or granular");
}

void RefuseRules(Loader& loader, const Json&, const Spot& spot, SchemaNode&) {
  loader.faults.AddForbidden(spot.path,
                             "rules in CEL are not supported yet; say it with pattern, enum, required or limits");
}

// Sorted by name.
constexpr std::array kKeywords = {
    Keyword{"additionalProperties", ReadAdditionalProperties, true},
    Keyword{"allOf", ReadInto<&SchemaNode::all_of>},
    Keyword{"anyOf", ReadInto<&SchemaNode::any_of>},
    Keyword{"default", ReadDefault, true},
    Keyword{"description", Ignore},
    Keyword{"enum", ReadEnum},
    Keyword{"example", Ignore},
    Keyword{"exclusiveMaximum", ReadInto<&SchemaNode::is_maximum_exclusive>},
    Keyword{"exclusiveMinimum", ReadInto<&SchemaNode::is_minimum_exclusive>},
    Keyword{"externalDocs", Ignore},
    Keyword{"format", ReadInto<&SchemaNode::format>},
    Keyword{"items", ReadItems},
    Keyword{"maxItems", ReadInto<&SchemaNode::items_max>},
    Keyword{"maxLength", ReadInto<&SchemaNode::length_max>},
    Keyword{"maxProperties", ReadInto<&SchemaNode::properties_max>},
    Keyword{"maximum", ReadInto<&SchemaNode::maximum>},
    Keyword{"minItems", ReadInto<&SchemaNode::items_min>},
    Keyword{"minLength", ReadInto<&SchemaNode::length_min>},
    Keyword{"minProperties", ReadInto<&SchemaNode::properties_min>},
    Keyword{"minimum", ReadInto<&SchemaNode::minimum>},
    Keyword{"multipleOf", ReadMultipleOf},
    Keyword{"not", ReadNot},
    Keyword{"nullable", ReadInto<&SchemaNode::is_nullable>, true},
    Keyword{"oneOf", ReadInto<&SchemaNode::one_of>},
    Keyword{"pattern", ReadPattern},
    Keyword{"properties", ReadProperties},
    Keyword{"required", ReadInto<&SchemaNode::required>},
    Keyword{"title", Ignore},
    Keyword{"type", ReadInto<&SchemaNode::type>},
    Keyword{"uniqueItems", ReadUniqueItems},
    Keyword{"x-kubernetes-int-or-string", ReadIntOrString, true},
    Keyword{"x-kubernetes-list-map-keys", ReadInto<&SchemaNode::list_map_keys>, true},
    Keyword{"x-kubernetes-list-type", ReadListType, true},
    Keyword{"x-kubernetes-map-type", ReadMapType, true},
    Keyword{"x-kubernetes-preserve-unknown-fields", ReadInto<&SchemaNode::keeps_unknown>, true},
    Keyword{"x-kubernetes-validations", RefuseRules},
};

}  // namespace

const Keyword* FindKeyword(std::string_view name) {
  const auto found = std::lower_bound(kKeywords.begin(), kKeywords.end(), name,
                                      [](const Keyword& keyword, std::string_view key) { return keyword.name < key; });
  return found != kKeywords.end() && found->name == name ? &*found : nullptr;
}

}  // namespace api::schema
