#include <initializer_list>
#include <string>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/codec/yaml.h"
#include "api/schema/schema.h"
#include "tests/api/outcome.h"

using api::Json;
using api::schema::Schema;

namespace {

/// What loading a resource says whose `p` has this schema; the paths are shortened to what follows `p`.
std::string LoadOutcome(const std::string& schema) {
  const auto documents = api::codec::ParseYaml("type: object\nproperties: {p: " + schema + "}\n", "schema");
  REQUIRE(Outcome(documents) == "fine");
  std::string message = Outcome(Schema::FromJson(documents->front(), "root"));
  const std::string prefix = "root.properties[p]";
  for (std::size_t at; (at = message.find(prefix)) != std::string::npos;) message.replace(at, prefix.size(), "p");
  return message;
}

struct Refused {
  const char* name;
  std::string schema;
  std::string message;
};

void CheckRefused(std::initializer_list<Refused> rows) {
  for (const Refused& row : rows) {
    CAPTURE(row.name);
    CHECK(LoadOutcome(row.schema) == row.message);
  }
}

}  // namespace

TEST_CASE("[API] schema: a keyword of a definition that is unknown or of another type is refused, with its place") {
  CheckRefused({
      {"unknown keyword", "{type: string, patern: x}", "p.patern: Forbidden: this keyword is not known here"},
      {"reference", "{$ref: '#/x'}", "[p.$ref: Forbidden: this keyword is not known here, p.type: Required value]"},
      {"unknown type", "{type: text}", "p.type: must be one of array, boolean, integer, number, object, string"},
      {"no type", "{description: x}", "p.type: Required value"},
      {"type of a keyword", "{type: string, minLength: many}",
       "p.minLength: Invalid value: must be an integer of 0 or more"},
      {"negative count", "{type: string, maxLength: -1}",
       "p.maxLength: Invalid value: must be an integer of 0 or more"},
      {"number of JSON schema", "{type: integer, minimum: 1, exclusiveMinimum: 1}",
       "p.exclusiveMinimum: must be boolean, not integer"},
      {"exclusive of nothing", "{type: integer, exclusiveMaximum: true}", "p.maximum: Required value"},
      {"multiple of zero", "{type: integer, multipleOf: 0, default: 4}",
       "p.multipleOf: Invalid value: must be a number greater than 0"},
  });
}

TEST_CASE("[API] schema: a pattern is one that RE2 takes, and none that explodes") {
  CheckRefused({
      {"pattern", "{type: string, pattern: '(a'}",
       "p.pattern: Invalid value: is no regular expression of RE2: missing ): (a"},
      {"back reference", "{type: string, pattern: '(a)\\1'}",
       "p.pattern: Invalid value: is no regular expression of RE2: invalid escape sequence: \\1"},
      {"pattern that explodes", "{type: string, pattern: '((a{100}){100}){100}'}",
       "p.pattern: Invalid value: is no regular expression of RE2: invalid repetition size: {100}"},
  });
}

TEST_CASE("[API] schema: a default is itself valid") {
  CheckRefused({
      {"default of another type", "{type: integer, default: x}",
       "p.default: Invalid value: \"string\": must be of type integer: \"string\""},
      {"default with an undeclared member", "{type: object, properties: {a: {type: string}}, default: {b: 1}}",
       "p.default.b: Invalid value: is not declared"},
      {"default beyond its limits", "{type: object, properties: {a: {type: integer, maximum: 3}}, default: {a: 4}}",
       "p.default.a: Invalid value: 4: a in body should be less than or equal to 3"},
  });
}

TEST_CASE("[API] schema: what an object and a list have to say, and what not") {
  CheckRefused({
      {"map and properties", "{type: object, properties: {a: {type: string}}, additionalProperties: {type: string}}",
       "p.additionalProperties: Forbidden: must not stand beside properties"},
      {"no further properties", "{type: object, additionalProperties: false}",
       "p.additionalProperties: Forbidden: unknown members are pruned anyway; leave it out"},
      {"properties of a string", "{type: string, properties: {a: {type: string}}}",
       "p: Forbidden: only an object has properties"},
      {"array without items", "{type: array}", "p.items: Required value"},
      {"items of a string", "{type: string, items: {type: string}}", "p.items: Forbidden: only an array has items"},
      {"uniqueItems", "{type: array, items: {type: string}, uniqueItems: true}",
       "p.uniqueItems: Forbidden: say x-kubernetes-list-type: set instead"},
  });
}

TEST_CASE("[API] schema: a list type goes with a list, and a map with the keys of its items") {
  CheckRefused({
      {"list type", "{type: array, items: {type: string}, x-kubernetes-list-type: bag}",
       "p.x-kubernetes-list-type: Invalid value: must be atomic, set or map"},
      {"list type of no list", "{type: string, x-kubernetes-list-type: set}",
       "p.x-kubernetes-list-type: Forbidden: needs type array"},
      {"map without keys", "{type: array, items: {type: object}, x-kubernetes-list-type: map}",
       "p.x-kubernetes-list-map-keys: Required value"},
      {"keys without map", "{type: array, items: {type: object}, x-kubernetes-list-map-keys: [a]}",
       "p.x-kubernetes-list-map-keys: Forbidden: needs x-kubernetes-list-type: map"},
      {"undeclared key",
       "{type: array, items: {type: object}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a]}",
       "p.x-kubernetes-list-map-keys[0]: Invalid value: must name a declared property with a simple type"},
      {"optional key",
       "{type: array, items: {type: object, properties: {a: {type: string}}}, x-kubernetes-list-type: map, "
       "x-kubernetes-list-map-keys: [a]}",
       "p.x-kubernetes-list-map-keys[0]: Invalid value: the property must be required or have a default"},
  });
}

TEST_CASE("[API] schema: what stands below anyOf and its like judges and shapes nothing") {
  CheckRefused({
      {"shape below anyOf", "{type: string, anyOf: [{default: x}]}",
       "p.anyOf[0].default: Forbidden: must not stand below allOf, anyOf, oneOf or not"},
      {"property that only a judge knows",
       "{type: object, properties: {a: {type: string}}, anyOf: [{required: [a]}, {properties: {b: {minLength: 1}}}]}",
       "p.properties[b]: Required value: because it is defined in p.anyOf[1].properties[b]"},
      {"property that only a judge knows, further down",
       "{type: object, properties: {a: {type: object, properties: {}}}, not: {properties: {a: {properties: {c: {}}}}}}",
       "p.properties[a].properties[c]: Required value: because it is defined in p.not.properties[a].properties[c]"},
      {"items that only a judge knows", "{x-kubernetes-int-or-string: true, oneOf: [{items: {minLength: 1}}]}",
       "p.items: Required value: because it is defined in p.oneOf[0].items"},
  });
}

TEST_CASE("[API] schema: what Kubernetes adds is refused where it has no meaning, and every fault is told") {
  CheckRefused({
      {"int-or-string with a type", "{type: string, x-kubernetes-int-or-string: true}",
       "p.x-kubernetes-int-or-string: Forbidden: must not stand beside type"},
      {"empty enum", "{type: string, enum: []}", "p.enum: must be an array of one value or more, not array"},
      {"CEL", "{type: object, x-kubernetes-validations: [{rule: 'self.a > 1'}]}",
       "p.x-kubernetes-validations: Forbidden: rules in CEL are not supported yet; say it with pattern, enum, required or "
       "limits"},
      {"two faults", "{type: object, properties: {a: {type: x}, b: 7}}",
       "[p.properties[a].type: must be one of array, boolean, integer, number, object, string, "
       "p.properties[b]: must be object, not integer]"},
  });
}

TEST_CASE("[API] schema: what a definition may say without effect, and what other projects write") {
  for (const std::string schema :
       {"{type: string, description: d, title: t, example: e, externalDocs: {url: u}}",
        "{x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}], pattern: '^[0-9]+$'}",
        "{x-kubernetes-preserve-unknown-fields: true}", "{type: object, x-kubernetes-map-type: atomic}",
        "{type: array, items: {type: string}, x-kubernetes-list-type: atomic, uniqueItems: false}",
        "{type: object, oneOf: [{required: [a]}, {required: [b]}], properties: {a: {type: string}, b: {type: string}}}",
        "{type: object, additionalProperties: {type: string}, not: {properties: {a: {enum: [x]}}}}",
        "{type: object, x-kubernetes-preserve-unknown-fields: true, allOf: [{properties: {a: {minLength: 1}}}]}",
        "{type: array, items: {type: object, properties: {a: {type: string}}}, not: {items: {required: [a]}}}"}) {
    CAPTURE(schema);
    CHECK(LoadOutcome(schema) == "fine");
  }
}

TEST_CASE("[API] schema: the root is an object, and depth has a limit") {
  CHECK(Outcome(Schema::FromJson(Json::Of({{"type", "string"}}), "root")) ==
        "root.type: Invalid value: must be object at the root");
  CHECK(Outcome(Schema::FromJson(Json("x"), "root")) == "root: must be object, not string");

  Json deep = Json::Of({{"type", "string"}});
  for (int i = 0; i < 100; ++i) deep = Json::Of({{"type", "array"}, {"items", std::move(deep)}});
  Json root = Json::Of({{"type", "object"}, {"properties", Json::Of({{"a", std::move(deep)}})}});
  CHECK(Outcome(Schema::FromJson(root, "root")).ends_with(".items: Invalid value: nested deeper than 64 levels"));
}

TEST_CASE("[API] schema: a hostile definition gets a bounded answer") {
  Json properties = Json::EmptyObject();
  for (int i = 0; i < 1000; ++i) properties["p" + std::to_string(i)] = 7;
  const auto schema = Schema::FromJson(Json::Of({{"type", "object"}, {"properties", properties}}), "root");
  REQUIRE_FALSE(schema);
  CHECK(schema.error().causes.size() == 50);
}
