#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace api {

/// A JSON value that can be compared, copied and changed in place. Members of an object are kept sorted by key, so
/// equal values have equal bytes when written. Reading and writing text is `api/codec/json.h`'s matter. A plain value:
/// no locks.
class Json {
 public:
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;  ///< Sorted by key, each key once.

  Json();  ///< null
  Json(std::nullptr_t);
  template <std::same_as<bool> Bool>  // A template, so that no pointer turns into true.
  Json(Bool value);
  Json(int value);
  Json(std::int64_t value);
  Json(double value);
  Json(std::string value);
  Json(std::string_view value);
  Json(const char* value);
  Json(Array value);

  /// `Json::Of({{"name", "alice"}, {"keys", Json::Array{…}}})`. A key that is given twice keeps its last value.
  static Json Of(std::initializer_list<Member> members);
  static Json EmptyObject();
  /// Takes members in any order; of two with one key the last is kept.
  static Json FromMembers(Object members);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }

  /// Pointers to the content, null when the value is of another type.
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  Array* array() { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  Object* object() { return std::get_if<Object>(&value_); }
  std::optional<double> number() const;

  /// The string, or `other` when this is no string.
  std::string StringOr(std::string_view other) const;

  /// The member's value; null when there is none or this is no object. The pointer lives until the object changes.
  const Json* Find(std::string_view key) const;
  Json* Find(std::string_view key);
  /// The value at a path of member names, null when any part is missing.
  const Json* At(std::initializer_list<std::string_view> path) const;

  /// The member of that key, made null when absent. A null becomes an empty object first; any other type is replaced by
  /// one.
  Json& operator[](std::string_view key);
  /// Removes the member. True when it was there.
  bool Erase(std::string_view key);
  /// Appends to an array. A null becomes an empty array first; any other type is replaced by one.
  void Append(Json value);

  /// Members of an object or elements of an array; 0 for every other type.
  std::size_t size() const;

  bool operator==(const Json&) const;

  /// The name of the type as JSON schema spells it: null, boolean, integer, number, string, array, object.
  std::string_view TypeName() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct Json::Member {
  std::string key{};
  Json value{};

  bool operator==(const Member&) const = default;
};

// Here and not in the class, because Clang wants to know the whole of Member first.
inline Json::Json() = default;
inline Json::Json(std::nullptr_t) {}
template <std::same_as<bool> Bool>
Json::Json(Bool value) : value_(value) {}
inline Json::Json(int value) : value_(std::int64_t{value}) {}
inline Json::Json(std::int64_t value) : value_(value) {}
inline Json::Json(double value) : value_(value) {}
inline Json::Json(std::string value) : value_(std::move(value)) {}
inline Json::Json(std::string_view value) : value_(std::string(value)) {}
inline Json::Json(const char* value) : value_(std::string(value)) {}
inline Json::Json(Array value) : value_(std::move(value)) {}

/// RFC 7386: members of `patch` replace those of `target`, null removes, objects merge.
void MergePatch(Json& target, const Json& patch);

}  // namespace api
