#include "server/field_types.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "api/codec/text.h"
#include "server/protobuf_messages.h"
#include "server/status.h"

namespace server {
namespace {

using api::Expected;
using api::Json;
using Type = ProtobufType;

/// What a value of that type is called in an error.
std::string_view NameOf(Type type) {
  switch (type) {
    case Type::kInteger:
      return "an integer of 32 bits";
    case Type::kLong:
      return "an integer";
    case Type::kBool:
      return "a boolean";
    case Type::kTime:
    case Type::kMicroTime:
      return "a time such as 2026-11-20T20:58:51Z";
    case Type::kTextMap:
      return "an object of strings";
    case Type::kJson:
    case Type::kMessage:
      return "an object";
    case Type::kString:
      return "a string";
  }
  return "";
}

bool IsTextMap(const Json& value) {
  if (!value.object()) return false;
  for (const Json::Member& member : *value.object())
    if (!member.value.is_string() && !member.value.is_null()) return false;
  return true;
}

bool HasType(const Json& value, Type type) {
  switch (type) {
    case Type::kInteger:
      return value.integer() && *value.integer() >= INT32_MIN && *value.integer() <= INT32_MAX;
    case Type::kLong:
      return value.is_integer();
    case Type::kBool:
      return value.is_bool();
    case Type::kTime:
    case Type::kMicroTime:
      return value.string() && (value.string()->empty() || api::codec::ParseTime(*value.string()));
    case Type::kTextMap:
      return IsTextMap(value);
    case Type::kJson:
    case Type::kMessage:
      return value.is_object();
    case Type::kString:
      return value.is_string();
  }
  return false;
}

Expected<void> CheckMessage(const Json& object, const ProtobufMessage& message, const std::string& path);

Expected<void> CheckValue(const Json& value, const ProtobufField& field, const std::string& path) {
  if (value.is_null()) return {};
  if (!HasType(value, field.type)) return BadRequest(path + " must be " + std::string(NameOf(field.type)));
  return field.type == Type::kMessage ? CheckMessage(value, *field.message, path + ".") : Expected<void>();
}

/// Ends, for no message contains itself.
Expected<void> CheckMessage(const Json& object, const ProtobufMessage& message, const std::string& path) {
  for (const ProtobufField& field : message.fields) {
    const Json* value = object.Find(field.name);
    if (!value || value->is_null()) continue;
    const std::string name = path + std::string(field.name);
    if (!field.is_list) {
      if (auto checked = CheckValue(*value, field, name); !checked) return checked;
      continue;
    }
    if (!value->array()) return BadRequest(name + " must be an array");
    for (std::size_t i = 0; i < value->size(); ++i)
      if (auto checked = CheckValue((*value->array())[i], field, name + "[" + std::to_string(i) + "]"); !checked)
        return checked;
  }
  return {};
}

}  // namespace

Expected<void> CheckFieldTypes(const Json& body, const api::schema::Kind& kind) {
  const ProtobufMessage* message = FindProtobufMessage(kind.api_version(), kind.kind);
  if (!message || !body.is_object()) return {};
  auto checked = CheckMessage(body, *message, "");
  if (checked) return {};
  return checked.error().Within(kind.kind + " in version \"" + kind.version + "\" cannot be handled as a " + kind.kind);
}

}  // namespace server
