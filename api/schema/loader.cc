#include "api/schema/loader.h"

#include <algorithm>
#include <array>

#include "api/codec/text.h"
#include "api/meta/words.h"

namespace api::schema {
namespace {

constexpr int kDepthMax = 64;  // As deep as ParseJson lets values be.

constexpr std::array<std::string_view, 6> kTypes = {"array", "boolean", "integer", "number", "object", "string"};

bool IsKnownType(std::string_view type) { return HasWord(kTypes, type) || type == "int-or-string"; }

}  // namespace

Expected<Schema> Schema::FromJson(const Json& json, std::string_view path) {
  Loader loader;
  Schema schema = loader.Load(json, {.path = std::string(path)});
  if (!loader.faults.empty()) return loader.faults.ToError("InvalidSchema");
  return schema;
}

Schema Loader::Load(const Json& json, const Spot& spot) {
  auto node = std::make_shared<SchemaNode>();
  node->is_resource = spot.place == Place::kRoot;
  if (spot.depth >= kDepthMax) {
    faults.AddInvalid(spot.path, "nested deeper than " + std::to_string(kDepthMax) + " levels");
  } else if (!json.is_object()) {
    WantType(json, spot, "object");
  } else {
    ReadKeywords(json, spot, *node);
    CheckType(spot, *node);
    CheckObject(spot, *node);
    CheckArray(spot, *node);
    CheckBounds(spot, *node);
    if (spot.place != Place::kJudging) CheckCombinations(spot, *node);
  }
  Schema schema(std::move(node));
  CheckDefault(spot, schema);
  return schema;
}

Schema Loader::LoadBelow(const Json& value, Spot spot) {
  if (spot.place == Place::kRoot) spot.place = Place::kShaping;
  ++spot.depth;
  return Load(value, spot);
}

Schema Loader::LoadJudge(const Json& value, Spot spot) {
  spot.place = Place::kJudging;
  ++spot.depth;
  return Load(value, spot);
}

void Loader::WantType(const Json& got, const Spot& spot, std::string_view wanted) {
  faults.Add(spot.path, "FieldValueTypeInvalid",
             "must be " + std::string(wanted) + ", not " + std::string(got.TypeName()));
}

void Loader::Read(const Json& value, const Spot& spot, bool& flag) {
  if (!value.boolean()) return WantType(value, spot, "boolean");
  flag = *value.boolean();
}

void Loader::Read(const Json& value, const Spot& spot, std::string& text) {
  if (!value.string()) return WantType(value, spot, "string");
  text = *value.string();
}

void Loader::Read(const Json& value, const Spot& spot, std::vector<std::string>& texts) {
  if (!value.array()) return WantType(value, spot, "array");
  for (const Json& element : *value.array()) Read(element, spot.Element(texts.size()), texts.emplace_back());
}

void Loader::Read(const Json& value, const Spot& spot, std::optional<Json>& number) {
  if (!value.is_number()) return WantType(value, spot, "number");
  number = value;
}

void Loader::Read(const Json& value, const Spot& spot, std::optional<std::int64_t>& count) {
  if (!value.integer() || *value.integer() < 0) return faults.AddInvalid(spot.path, "must be an integer of 0 or more");
  count = *value.integer();
}

void Loader::Read(const Json& value, const Spot& spot, std::vector<Schema>& judges) {
  if (!value.array()) return WantType(value, spot, "array");
  for (const Json& element : *value.array()) judges.push_back(LoadJudge(element, spot.Element(judges.size())));
}

void Loader::ReadKeywords(const Json& json, const Spot& spot, SchemaNode& node) {
  for (const Json::Member& member : *json.object()) {
    const Spot inner = spot.Keyword(codec::Printable(member.key, 64));
    const Keyword* keyword = FindKeyword(member.key);
    if (!keyword)
      faults.AddForbidden(inner.path, "this keyword is not known here");
    else if (keyword->is_shaping && spot.place == Place::kJudging)
      faults.AddForbidden(inner.path, "must not stand below allOf, anyOf, oneOf or not");
    else
      keyword->read(*this, member.value, inner, node);
  }
}

void Loader::CheckType(const Spot& spot, const SchemaNode& node) {
  const std::string path = spot.Keyword("type").path;
  if (spot.place == Place::kRoot && node.type != "object")
    faults.AddInvalid(path, "must be object at the root");
  else if (node.type.empty() && spot.place == Place::kShaping && !node.keeps_unknown)
    faults.AddRequired(path);
  else if (!node.type.empty() && !IsKnownType(node.type))
    faults.Add(path, "FieldValueNotSupported", "must be one of array, boolean, integer, number, object, string");
}

void Loader::CheckObject(const Spot& spot, const SchemaNode& node) {
  const bool has_map = node.additional_properties || node.allows_any_member;
  if (has_map && !node.properties.empty())
    faults.AddForbidden(spot.Keyword("additionalProperties").path, "must not stand beside properties");
  const bool can_have_members = node.type == "object" || node.type.empty();
  if ((has_map || !node.properties.empty()) && !can_have_members)
    faults.AddForbidden(spot.path, "only an object has properties");
}

void Loader::CheckArray(const Spot& spot, const SchemaNode& node) {
  if (node.type == "array" && !node.items && spot.place != Place::kJudging)
    faults.AddRequired(spot.Keyword("items").path);
  if (node.items && node.type != "array" && !node.type.empty())
    faults.AddForbidden(spot.Keyword("items").path, "only an array has items");
  if (node.list_type != ListType::kAtomic && node.type != "array")
    faults.AddForbidden(spot.Keyword("x-kubernetes-list-type").path, "needs type array");
  CheckMapKeys(spot, node);
}

void Loader::CheckMapKeys(const Spot& spot, const SchemaNode& node) {
  const Spot keys = spot.Keyword("x-kubernetes-list-map-keys");
  const bool is_map = node.list_type == ListType::kMap;
  if (is_map && node.list_map_keys.empty()) faults.AddRequired(keys.path);
  if (!is_map && !node.list_map_keys.empty()) faults.AddForbidden(keys.path, "needs x-kubernetes-list-type: map");
  if (!is_map || !node.items) return;
  const SchemaNode& element = node.items->node();
  for (std::size_t i = 0; i < node.list_map_keys.size(); ++i) {
    const std::string& name = node.list_map_keys[i];
    const Schema* key = node.items->Property(name);
    const bool is_required =
        std::find(element.required.begin(), element.required.end(), name) != element.required.end();
    if (!key || key->type() == "object" || key->type() == "array")
      faults.AddInvalid(keys.Element(i).path, "must name a declared property with a simple type");
    else if (!is_required && !key->default_value())
      faults.AddInvalid(keys.Element(i).path, "the property must be required or have a default");
  }
}

void Loader::CheckBounds(const Spot& spot, const SchemaNode& node) {
  if (node.is_minimum_exclusive && !node.minimum) faults.AddRequired(spot.Keyword("minimum").path);
  if (node.is_maximum_exclusive && !node.maximum) faults.AddRequired(spot.Keyword("maximum").path);
}

void Loader::CheckCombinations(const Spot& spot, const SchemaNode& node) {
  const auto check = [&](std::string_view keyword, const std::vector<Schema>& judges) {
    for (std::size_t i = 0; i < judges.size(); ++i)
      CheckJudge(spot, node, spot.Keyword(keyword).Element(i), judges[i].node());
  };
  check("allOf", node.all_of);
  check("anyOf", node.any_of);
  check("oneOf", node.one_of);
  if (node.negated) CheckJudge(spot, node, spot.Keyword("not"), node.negated->node());
}

// What only a judge knows of has been pruned before it could judge.
void Loader::CheckJudge(const Spot& spot, const SchemaNode& node, const Spot& judge_spot, const SchemaNode& judge) {
  const auto want = [&](const Schema* declared, const Spot& place, const Spot& judge_place, const Schema& inner) {
    if (declared)
      CheckJudge(place, declared->node(), judge_place, inner.node());
    else
      faults.Add(place.path, "FieldValueRequired", "Required value: because it is defined in " + judge_place.path);
  };
  const Spot properties = spot.Keyword("properties");
  const Spot judge_properties = judge_spot.Keyword("properties");
  for (const SchemaNode::Property& property : judge.properties) {
    if (node.keeps_unknown || node.allows_any_member || node.additional_properties) continue;
    const auto declared = std::find_if(node.properties.begin(), node.properties.end(),
                                       [&](const auto& one) { return one.name == property.name; });
    want(declared == node.properties.end() ? nullptr : &declared->schema, properties.Member(property.name),
         judge_properties.Member(property.name), property.schema);
  }
  if (judge.items && !node.keeps_unknown)
    want(node.items ? &*node.items : nullptr, spot.Keyword("items"), judge_spot.Keyword("items"), *judge.items);
}

void Loader::CheckDefault(const Spot& spot, const Schema& schema) {
  if (!schema.default_value()) return;
  const Spot here = spot.Keyword("default");
  const auto place_of = [&](const std::string& field) { return field.empty() ? here.path : here.Keyword(field).path; };
  Json value = *schema.default_value();
  for (const std::string& removed : schema.Prune(value)) faults.AddInvalid(place_of(removed), "is not declared");
  schema.ApplyDefaults(value);
  for (const Cause& cause : schema.Validate(value)) faults.Add(place_of(cause.field), cause.reason, cause.message);
}

}  // namespace api::schema
