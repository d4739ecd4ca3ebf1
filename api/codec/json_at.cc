#include "api/codec/json_at.h"

#include "api/codec/text.h"

namespace api::codec {

std::string TextAt(const Json& json, JsonPath path) {
  const Json* found = json.At(path);
  return found ? found->StringOr("") : "";
}

std::string PrintableAt(const Json& json, JsonPath path) { return Printable(TextAt(json, path)); }

std::optional<std::int64_t> IntegerAt(const Json& json, JsonPath path) {
  const Json* found = json.At(path);
  return found && found->integer() ? std::optional(*found->integer()) : std::nullopt;
}

bool IsTrueAt(const Json& json, JsonPath path) {
  const Json* found = json.At(path);
  return found && found->boolean() && *found->boolean();
}

const Json::Array& ArrayAt(const Json& json, JsonPath path) {
  static const Json::Array kNone;
  const Json* found = json.At(path);
  return found && found->array() ? *found->array() : kNone;
}

}  // namespace api::codec
