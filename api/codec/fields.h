#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/text.h"
#include "api/meta/expected.h"
#include "api/meta/json.h"

/// Structs as JSON and back. A struct names its members once, in `static void Fields(auto& self, auto&& field)`, by
/// calling `field("jsonName", self.member)` for each; reading, writing and the check against the CRD all follow from
/// that.
namespace api::codec {

/// A struct that names its members.
template <class T>
concept HasFields = requires(T& value) { T::Fields(value, [](std::string_view, auto&) {}); };

struct DecodeOptions {
  std::string path{};           ///< Where the value stands, for errors: `spec`, `users[3]`.
  bool refuse_unknown = false;  ///< Unknown members are errors: for files that people write.
};

/// What an unset std::optional becomes.
enum class Unset { kOmitted, kNull };

template <class T>
Json Encode(const T& value, Unset unset = Unset::kOmitted);
template <class T>
Expected<T> Decode(const Json& json, const DecodeOptions& options = {});

namespace detail {

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;

/// kInvalid with one cause: the field has another type than it should.
Error WrongType(const std::string& path, std::string_view wanted, const Json& got);
/// kInvalid with one cause: no such member; `known` lists those there are.
Error UnknownField(const std::string& path, const std::vector<std::string_view>& known);

inline std::string Join(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

template <class T>
Expected<T> DecodeFields(const Json& json, const DecodeOptions& options) {
  if (!json.is_object()) return WrongType(options.path, "object", json);
  T value{};
  std::optional<Error> failure;
  std::vector<std::string_view> known;
  T::Fields(value, [&](std::string_view name, auto& member) {
    known.push_back(name);
    const Json* found = json.Find(name);
    if (failure || !found) return;
    auto decoded = Decode<std::remove_reference_t<decltype(member)>>(
        *found, {.path = Join(options.path, name), .refuse_unknown = options.refuse_unknown});
    if (decoded)
      member = *std::move(decoded);
    else
      failure = decoded.error();
  });
  if (failure) return *std::move(failure);
  if (options.refuse_unknown) {
    for (const Json::Member& member : *json.object()) {
      bool is_known = false;
      for (const std::string_view name : known) is_known = is_known || name == member.key;
      if (!is_known) return UnknownField(Join(options.path, member.key), known);
    }
  }
  return value;
}

template <class T>
Expected<T> DecodeScalar(const Json& json, const DecodeOptions& options) {
  if constexpr (std::same_as<T, bool>) {
    if (const bool* flag = json.boolean()) return *flag;
    return WrongType(options.path, "boolean", json);
  } else if constexpr (std::same_as<T, std::int64_t>) {
    if (const auto* whole = json.integer()) return *whole;
    return WrongType(options.path, "integer", json);
  } else if constexpr (std::same_as<T, double>) {
    if (const auto real = json.number()) return *real;
    return WrongType(options.path, "number", json);
  } else if constexpr (std::same_as<T, Time>) {
    if (const auto* text = json.string()) {
      auto time = ParseTime(*text);
      if (time) return *time;
    }
    return WrongType(options.path, "date-time", json);
  } else {
    static_assert(std::same_as<T, std::string>, "a member's type that the codec does not know");
    if (const auto* text = json.string()) return *text;
    return WrongType(options.path, "string", json);
  }
}

}  // namespace detail

template <class T>
Expected<T> Decode(const Json& json, const DecodeOptions& options) {
  if constexpr (std::same_as<T, Json>) {
    return json;
  } else if constexpr (detail::kIsOptional<T>) {
    if (json.is_null()) return T{};
    auto inner = Decode<typename T::value_type>(json, options);
    if (!inner) return inner.error();
    return T{*std::move(inner)};
  } else if constexpr (detail::kIsVector<T>) {
    const Json::Array* elements = json.array();
    if (!elements) return detail::WrongType(options.path, "array", json);
    T values;
    values.reserve(elements->size());
    for (std::size_t i = 0; i < elements->size(); ++i) {
      DecodeOptions inner = options;
      inner.path += "[" + std::to_string(i) + "]";
      auto value = Decode<typename T::value_type>((*elements)[i], inner);
      if (!value) return value.error();
      values.push_back(*std::move(value));
    }
    return values;
  } else if constexpr (detail::kIsMap<T>) {
    const Json::Object* members = json.object();
    if (!members) return detail::WrongType(options.path, "object", json);
    T values;
    for (const Json::Member& member : *members) {
      DecodeOptions inner = options;
      inner.path = detail::Join(options.path, member.key);
      auto value = Decode<typename T::mapped_type>(member.value, inner);
      if (!value) return value.error();
      values.emplace(member.key, *std::move(value));
    }
    return values;
  } else if constexpr (HasFields<T>) {
    return detail::DecodeFields<T>(json, options);
  } else {
    return detail::DecodeScalar<T>(json, options);
  }
}

template <class T>
Json Encode(const T& value, Unset unset) {
  if constexpr (detail::kIsOptional<T>) {
    return value ? Encode(*value, unset) : Json();
  } else if constexpr (detail::kIsVector<T>) {
    Json::Array elements;
    elements.reserve(value.size());
    for (const auto& element : value) elements.push_back(Encode(element, Unset::kOmitted));
    return Json(std::move(elements));
  } else if constexpr (detail::kIsMap<T>) {
    Json::Object members;
    members.reserve(value.size());
    for (const auto& [key, member] : value) members.push_back({key, Encode(member, Unset::kOmitted)});
    return Json::FromMembers(std::move(members));
  } else if constexpr (HasFields<T>) {
    Json::Object members;
    T::Fields(value, [&](std::string_view name, const auto& member) {
      Json encoded = Encode(member, unset);
      if (!encoded.is_null() || unset == Unset::kNull) members.push_back({std::string(name), std::move(encoded)});
    });
    return Json::FromMembers(std::move(members));
  } else if constexpr (std::same_as<T, Time>) {
    return Json(FormatTime(value));
  } else {
    return Json(value);
  }
}

}  // namespace api::codec
