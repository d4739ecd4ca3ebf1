#include <algorithm>
#include <cmath>
#include <set>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/schema/format.h"
#include "api/schema/node.h"

namespace api::schema {
namespace {

constexpr std::size_t kCausesMax = 100;       // A long list of wrong elements must not become a reply of megabytes.
constexpr std::size_t kShownBytesMax = 1024;  // Of a value in a message, for the same reason.

std::string Shown(const Json& value) { return codec::Printable(codec::WriteJson(value), kShownBytesMax); }

std::string Quoted(std::string_view text) { return Shown(Json(text)); }

/// Fits into an integer of 64 bits, so that every reader of the value can take it for one.
bool IsWhole(const Json& value) {
  if (value.is_integer()) return true;
  const auto real = value.number();
  return real && std::trunc(*real) == *real && *real >= -0x1p63 && *real < 0x1p63;
}

bool HasType(const Json& value, std::string_view type) {
  if (type.empty()) return true;
  if (type == "integer") return IsWhole(value);
  if (type == "number") return value.is_number();
  if (type == "int-or-string") return value.is_string() || IsWhole(value);
  return value.TypeName() == type;
}

/// Exact for two integers, which doubles are not beyond 2^53.
bool IsLess(const Json& left, const Json& right) {
  if (left.integer() && right.integer()) return *left.integer() < *right.integer();
  return left.number().value_or(0) < right.number().value_or(0);
}

bool IsMultipleOf(const Json& value, const Json& unit) {
  if (value.integer() && unit.integer()) return *value.integer() % *unit.integer() == 0;
  const double quotient = *value.number() / *unit.number();
  return std::abs(quotient - std::round(quotient)) < 1e-9;  // 0.3 is a multiple of 0.1, which no double says exactly.
}

std::int64_t CodePoints(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
}

/// Walks a value along its schema and notes what is wrong. Recurses as deep as the schema, which has a limit.
class Validator {
 public:
  std::vector<Cause> Take() { return std::move(causes_); }

  void Check(const Schema& schema, const Json& value, const std::string& path) {
    const SchemaNode& node = schema.node();
    if (value.is_null() && node.is_nullable) return;
    if (!HasType(value, node.type))
      return AddType(value, path, node.type == "int-or-string" ? "integer,string" : node.type);
    if (node.allowed) CheckEnum(*node.allowed, value, path);
    if (!node.format.empty() && !FitsFormat(node.format, value)) AddFormat(value, path, node.format);
    if (value.is_number()) CheckNumber(node, value, path);
    if (const std::string* text = value.string()) CheckString(node, *text, path);
    if (const Json::Array* elements = value.array()) CheckArray(node, *elements, path);
    if (value.is_object()) CheckObject(schema, value, path);
    CheckCombinations(node, value, path);
  }

 private:
  void Add(const std::string& field, std::string reason, std::string message) {
    if (causes_.size() < kCausesMax) causes_.push_back({field, std::move(reason), std::move(message)});
  }
  /// `spec.size in body `; of a value without a path, such as a default, nothing.
  static std::string Where(const std::string& path) { return path.empty() ? "" : path + " in body "; }
  void AddInvalid(const std::string& path, const std::string& shown, const std::string& problem) {
    Add(path, "FieldValueInvalid", "Invalid value: " + shown + ": " + Where(path) + problem);
  }
  // Kubernetes shows no value here and leaves the cause's field empty; ours names it.
  void AddCombination(const std::string& path, const std::string& problem) {
    Add(path, "FieldValueInvalid", "Invalid value: \"\": " + Quoted(path) + " must " + problem);
  }
  // Kubernetes prints the type of the wrong value where it prints the value elsewhere.
  void AddType(const Json& value, const std::string& path, const std::string& type) {
    const std::string got = Quoted(value.TypeName());
    Add(path, "FieldValueTypeInvalid",
        "Invalid value: " + got + ": " + Where(path) + "must be of type " + type + ": " + got);
  }
  void AddFormat(const Json& value, const std::string& path, const std::string& format) {
    const std::string got = Shown(value);
    Add(path, "FieldValueTypeInvalid",
        "Invalid value: " + got + ": " + Where(path) + "must be of type " + format + ": " + got);
  }
  void AddTooMany(const std::string& path, std::size_t count, std::int64_t max) {
    Add(path, "FieldValueTooMany",
        "Too many: " + std::to_string(count) + ": must have at most " + std::to_string(max) + " items");
  }

  void CheckEnum(const std::vector<Json>& allowed, const Json& value, const std::string& path) {
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
    std::string supported;
    for (const Json& one : allowed) {
      if (!supported.empty()) supported += ", ";
      supported += one.is_string() ? Shown(one) : Quoted(Shown(one));
    }
    Add(path, "FieldValueNotSupported", "Unsupported value: " + Shown(value) + ": supported values: " + supported);
  }

  void CheckNumber(const SchemaNode& node, const Json& value, const std::string& path) {
    if (node.minimum && (IsLess(value, *node.minimum) || (node.is_minimum_exclusive && !IsLess(*node.minimum, value))))
      AddInvalid(path, Shown(value),
                 "should be greater than " + std::string(node.is_minimum_exclusive ? "" : "or equal to ") +
                     Shown(*node.minimum));
    if (node.maximum && (IsLess(*node.maximum, value) || (node.is_maximum_exclusive && !IsLess(value, *node.maximum))))
      AddInvalid(
          path, Shown(value),
          "should be less than " + std::string(node.is_maximum_exclusive ? "" : "or equal to ") + Shown(*node.maximum));
    if (node.multiple_of && !IsMultipleOf(value, *node.multiple_of))
      AddInvalid(path, Shown(value), "should be a multiple of " + Shown(*node.multiple_of));
  }

  void CheckString(const SchemaNode& node, const std::string& text, const std::string& path) {
    const std::int64_t length = CodePoints(text);
    if (node.length_min && length < *node.length_min)
      AddInvalid(path, Quoted(text), "should be at least " + std::to_string(*node.length_min) + " chars long");
    if (node.length_max && length > *node.length_max)
      Add(path, "FieldValueTooLong", "Too long: may not be longer than " + std::to_string(*node.length_max));
    if (node.pattern && !node.pattern->Matches(text))
      AddInvalid(path, Quoted(text), "should match '" + node.pattern->Text() + "'");
  }

  void CheckArray(const SchemaNode& node, const Json::Array& elements, const std::string& path) {
    const auto count = static_cast<std::int64_t>(elements.size());
    if (node.items_min && count < *node.items_min)
      AddInvalid(path, std::to_string(count), "should have at least " + std::to_string(*node.items_min) + " items");
    if (node.items_max && count > *node.items_max) AddTooMany(path, elements.size(), *node.items_max);
    std::set<std::string> seen;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const std::string inner = path + "[" + std::to_string(i) + "]";
      if (node.items) Check(*node.items, elements[i], inner);
      if (node.list_type == ListType::kAtomic) continue;
      const Json identity = node.list_type == ListType::kSet ? elements[i] : KeysOf(node, elements[i]);
      if (!seen.insert(codec::WriteJson(identity)).second)
        Add(inner, "FieldValueDuplicate", "Duplicate value: " + Shown(identity));
    }
  }

  static Json KeysOf(const SchemaNode& node, const Json& element) {
    Json keys = Json::EmptyObject();
    for (const std::string& name : node.list_map_keys) {
      if (const Json* value = element.Find(name)) keys[name] = *value;
    }
    return keys;
  }

  void CheckObject(const Schema& schema, const Json& value, const std::string& path) {
    const SchemaNode& node = schema.node();
    const auto count = static_cast<std::int64_t>(value.size());
    const std::string prefix = path.empty() ? "" : path + ".";
    if (node.properties_min && count < *node.properties_min)
      AddInvalid(path, std::to_string(count),
                 "should have at least " + std::to_string(*node.properties_min) + " properties");
    if (node.properties_max && count > *node.properties_max) AddTooMany(path, value.size(), *node.properties_max);
    for (const std::string& name : node.required) {
      if (!value.Find(name)) Add(prefix + name, "FieldValueRequired", "Required value");
    }
    for (const Json::Member& member : *value.object()) {
      const Schema* inner = schema.Property(member.key);
      if (!inner) inner = schema.additional_properties();
      if (inner) Check(*inner, member.value, prefix + codec::Printable(member.key, kShownKeyBytesMax));
    }
  }

  static std::size_t CountFitting(const std::vector<Schema>& schemas, const Json& value) {
    return static_cast<std::size_t>(std::count_if(
        schemas.begin(), schemas.end(), [&](const Schema& schema) { return schema.Validate(value).empty(); }));
  }

  void CheckCombinations(const SchemaNode& node, const Json& value, const std::string& path) {
    for (const Schema& schema : node.all_of) Check(schema, value, path);
    if (!node.any_of.empty() && CountFitting(node.any_of, value) == 0)
      AddCombination(path, "validate at least one schema (anyOf)");
    if (!node.one_of.empty()) {
      const std::size_t fitting = CountFitting(node.one_of, value);
      if (fitting != 1)
        AddCombination(path, "validate one and only one schema (oneOf). Found " +
                                 (fitting == 0 ? "none valid" : std::to_string(fitting) + " valid alternatives"));
    }
    if (node.negated && node.negated->Validate(value).empty()) AddCombination(path, "not validate the schema (not)");
  }

  std::vector<Cause> causes_;
};

}  // namespace

std::vector<Cause> Schema::Validate(const Json& value) const {
  Validator validator;
  validator.Check(*this, value, "");
  return validator.Take();
}

}  // namespace api::schema
