#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec/text.h"
#include "api/meta/json.h"
#include "api/schema/faults.h"
#include "api/schema/node.h"

namespace api::schema {

/// Where a schema stands. Below allOf, anyOf, oneOf and not it judges values and has no say over their shape.
enum class Place { kRoot, kShaping, kJudging };

struct Spot {
  std::string path{};
  Place place = Place::kRoot;
  int depth = 0;

  Spot Keyword(std::string_view name) const { return {path + "." + std::string(name), place, depth}; }
  Spot Member(std::string_view name) const { return {path + "[" + codec::Printable(name, 64) + "]", place, depth}; }
  Spot Element(std::size_t index) const { return Member(std::to_string(index)); }
};

/// Reads schemas from JSON and collects what is wrong with them. Used for one document, then thrown away.
class Loader {
 public:
  Faults faults{};

  /// A schema is always given back, so that its siblings can be looked at; with faults it must not be used.
  Schema Load(const Json& json, const Spot& spot);

  // One for each type of value that a keyword can have.
  void Read(const Json& value, const Spot& spot, bool& flag);
  void Read(const Json& value, const Spot& spot, std::string& text);
  void Read(const Json& value, const Spot& spot, std::vector<std::string>& texts);
  void Read(const Json& value, const Spot& spot, std::optional<Json>& number);
  void Read(const Json& value, const Spot& spot, std::optional<std::int64_t>& count);
  void Read(const Json& value, const Spot& spot, std::vector<Schema>& judges);
  /// A schema one level below `spot`'s.
  Schema LoadBelow(const Json& value, Spot spot);
  Schema LoadJudge(const Json& value, Spot spot);

  void WantType(const Json& got, const Spot& spot, std::string_view wanted);

 private:
  void ReadKeywords(const Json& json, const Spot& spot, SchemaNode& node);
  void CheckType(const Spot& spot, const SchemaNode& node);
  void CheckObject(const Spot& spot, const SchemaNode& node);
  void CheckArray(const Spot& spot, const SchemaNode& node);
  void CheckMapKeys(const Spot& spot, const SchemaNode& node);
  void CheckBounds(const Spot& spot, const SchemaNode& node);
  void CheckDefault(const Spot& spot, const Schema& schema);
  void CheckCombinations(const Spot& spot, const SchemaNode& node);
  void CheckJudge(const Spot& spot, const SchemaNode& node, const Spot& judge_spot, const SchemaNode& judge);
};

/// One keyword of a schema.
struct Keyword {
  std::string_view name{};
  void (*read)(Loader& loader, const Json& value, const Spot& spot, SchemaNode& node) = nullptr;
  bool is_shaping = false;  ///< Forbidden where a schema only judges.
};

/// Null when there is no such keyword.
const Keyword* FindKeyword(std::string_view name);

}  // namespace api::schema
