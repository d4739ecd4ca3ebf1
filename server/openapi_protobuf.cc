#include "server/openapi_protobuf.h"

#include <cstdint>
#include <string_view>

#include "api/codec/json.h"
#include "api/codec/json_at.h"
#include "server/protobuf_writer.h"

namespace server {
namespace {

using api::Json;
using api::codec::ArrayAt;
using api::codec::TextAt;

constexpr std::string_view kExtension = "x-";

struct Numbered {
  std::string_view name;
  std::uint32_t number;
};

// Of a Schema, by the type of their values.
constexpr Numbered kSchemaTexts[] = {{"$ref", 1}, {"format", 2}, {"title", 3}, {"description", 4}, {"pattern", 13}};
constexpr Numbered kSchemaDoubles[] = {{"multipleOf", 6}, {"maximum", 7}, {"minimum", 9}};
constexpr Numbered kSchemaIntegers[] = {{"maxLength", 11}, {"minLength", 12},     {"maxItems", 14},
                                        {"minItems", 15},  {"maxProperties", 17}, {"minProperties", 18}};
constexpr Numbered kSchemaBooleans[] = {{"exclusiveMaximum", 8}, {"exclusiveMinimum", 10}, {"uniqueItems", 16}};

constexpr Numbered kMethods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}};

const Json::Object& Members(const Json& json, std::string_view name) {
  static const Json::Object kNone;
  const Json* found = json.Find(name);
  return found && found->object() ? *found->object() : kNone;
}

/// Name and value, the form of all of this format's maps.
ProtobufWriter Named(std::string_view name, const ProtobufWriter& value) {
  ProtobufWriter named;
  named.Text(1, name);
  named.Message(2, value);
  return named;
}

/// Any value, as YAML.
ProtobufWriter Any(const Json& value) {
  ProtobufWriter any;
  any.Text(2, api::codec::WriteJson(value) + "\n");
  return any;
}

void SayExtensions(const Json& json, std::uint32_t field, ProtobufWriter& writer) {
  for (const auto& [name, value] : *json.object())
    if (name.starts_with(kExtension)) writer.Message(field, Named(name, Any(value)));
}

ProtobufWriter SchemaMessage(const Json& schema);

void SayNumbers(const Json& schema, ProtobufWriter& writer) {
  for (const auto& [name, number] : kSchemaDoubles)
    if (const Json* value = schema.Find(name); value && value->number()) writer.Double(number, *value->number());
  for (const auto& [name, number] : kSchemaIntegers)
    if (const Json* value = schema.Find(name); value && value->integer()) writer.Integer(number, *value->integer());
  for (const auto& [name, number] : kSchemaBooleans)
    if (const Json* value = schema.Find(name); value && value->boolean()) writer.Integer(number, *value->boolean());
}

/// What is below a schema.
void SayParts(const Json& schema, ProtobufWriter& writer) {
  for (const Json& name : ArrayAt(schema, {"required"})) writer.Text(19, name.StringOr(""));
  for (const Json& value : ArrayAt(schema, {"enum"})) writer.Message(20, Any(value));
  if (const Json* more = schema.Find("additionalProperties")) {
    ProtobufWriter item;
    if (more->boolean())
      item.Integer(2, *more->boolean());
    else
      item.Message(1, SchemaMessage(*more));
    writer.Message(21, item);
  }
  if (const std::string type = TextAt(schema, {"type"}); !type.empty()) {
    ProtobufWriter item;
    item.Text(1, type);
    writer.Message(22, item);
  }
  if (const Json* items = schema.Find("items")) {
    ProtobufWriter item;
    item.Message(1, SchemaMessage(*items));
    writer.Message(23, item);
  }
  if (!schema.Find("properties")) return;
  ProtobufWriter properties;
  for (const auto& [name, property] : Members(schema, "properties"))
    properties.Message(1, Named(name, SchemaMessage(property)));
  writer.Message(25, properties);
}

/// As deep as the schemas of kinds, whose depth is bounded where they are read.
ProtobufWriter SchemaMessage(const Json& schema) {
  ProtobufWriter writer;
  if (!schema.object()) return writer;
  for (const auto& [name, number] : kSchemaTexts)
    if (const Json* value = schema.Find(name)) writer.Text(number, value->StringOr(""));
  SayNumbers(schema, writer);
  SayParts(schema, writer);
  SayExtensions(schema, 31, writer);
  return writer;
}

/// Parameter, NonBodyParameter, QueryParameterSubSchema: one in the other.
ProtobufWriter ParameterMessage(const Json& parameter) {
  ProtobufWriter query;
  query.Text(2, "query");
  query.Text(4, TextAt(parameter, {"name"}));
  query.Text(6, TextAt(parameter, {"type"}));
  ProtobufWriter not_in_body;
  not_in_body.Message(3, query);
  ProtobufWriter any_place;
  any_place.Message(2, not_in_body);
  ProtobufWriter item;
  item.Message(1, any_place);
  return item;
}

ProtobufWriter ResponsesMessage(const Json& operation) {
  ProtobufWriter responses;
  for (const auto& [code, response] : Members(operation, "responses")) {
    ProtobufWriter described;
    described.Text(1, TextAt(response, {"description"}));
    ProtobufWriter value;
    value.Message(1, described);
    responses.Message(1, Named(code, value));
  }
  return responses;
}

ProtobufWriter OperationMessage(const Json& operation) {
  ProtobufWriter writer;
  if (const std::string id = TextAt(operation, {"operationId"}); !id.empty()) writer.Text(5, id);
  for (const Json& type : ArrayAt(operation, {"consumes"})) writer.Text(7, type.StringOr(""));
  for (const Json& parameter : ArrayAt(operation, {"parameters"}))
    if (TextAt(parameter, {"in"}) == "query") writer.Message(8, ParameterMessage(parameter));
  writer.Message(9, ResponsesMessage(operation));
  SayExtensions(operation, 13, writer);
  return writer;
}

ProtobufWriter PathMessage(const Json& path) {
  ProtobufWriter writer;
  for (const auto& [method, number] : kMethods)
    if (const Json* operation = path.Find(method); operation && operation->object())
      writer.Message(number, OperationMessage(*operation));
  return writer;
}

}  // namespace

std::string OpenApiV2Protobuf(const Json& document) {
  ProtobufWriter writer;
  writer.Text(1, TextAt(document, {"swagger"}));
  ProtobufWriter info;
  info.Text(1, TextAt(document, {"info", "title"}));
  info.Text(2, TextAt(document, {"info", "version"}));
  writer.Message(2, info);
  ProtobufWriter paths;
  for (const auto& [name, path] : Members(document, "paths")) paths.Message(2, Named(name, PathMessage(path)));
  writer.Message(8, paths);
  if (!document.Find("definitions")) return writer.bytes();
  ProtobufWriter definitions;
  for (const auto& [name, schema] : Members(document, "definitions"))
    definitions.Message(1, Named(name, SchemaMessage(schema)));
  writer.Message(9, definitions);
  return writer.bytes();
}

}  // namespace server
