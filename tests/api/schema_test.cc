#include "api/schema/schema.h"

#include <initializer_list>
#include <string>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/codec/yaml.h"
#include "tests/api/outcome.h"

using api::Cause;
using api::Json;
using api::codec::ParseJson;
using api::codec::WriteJson;
using api::schema::Schema;

namespace {

/// A resource with `spec` as the YAML flow text says.
Schema ResourceWithSpec(const std::string& spec) {
  const auto documents = api::codec::ParseYaml("type: object\nproperties: {spec: " + spec + "}\n", "schema");
  REQUIRE(Outcome(documents) == "fine");
  auto schema = Schema::FromJson(documents->front(), "root");
  REQUIRE(Outcome(schema) == "fine");
  return *std::move(schema);
}

std::string FormatViolation(const std::string& value, const std::string& format) {
  return "Invalid value: " + value + ": spec in body must be of type " + format + ": " + value;
}

Json Read(const std::string& json) { return *ParseJson(json); }

struct Violation {
  const char* name;
  std::string schema;  ///< Of spec.
  std::string spec;
  Cause cause;
};

/// Each spec breaks its schema once, and that is said in the words of Kubernetes.
void CheckViolations(std::initializer_list<Violation> rows) {
  for (const Violation& row : rows) {
    CAPTURE(row.name);
    const auto causes = ResourceWithSpec(row.schema).Validate(Json::Of({{"spec", Read(row.spec)}}));
    REQUIRE(causes.size() == 1);
    CHECK(causes[0].field == row.cause.field);
    CHECK(causes[0].reason == row.cause.reason);
    CHECK(causes[0].message == row.cause.message);
  }
}

}  // namespace

TEST_CASE("[API] schema: violations in the words of Kubernetes: required members and types") {
  CheckViolations({
      {"required",
       "{type: object, properties: {ports: {type: array, items: {type: object, required: [port], "
       "properties: {port: {type: integer}}}}}}",
       R"({"ports":[{}]})",
       {"spec.ports[0].port", "FieldValueRequired", "Required value"}},
      {"type",
       "{type: object, properties: {weight: {type: number}}}",
       R"({"weight":"heavy"})",
       {"spec.weight", "FieldValueTypeInvalid",
        R"(Invalid value: "string": spec.weight in body must be of type number: "string")"}},
      {"fraction",
       "{type: object, properties: {size: {type: integer}}}",
       R"({"size":1.5})",
       {"spec.size", "FieldValueTypeInvalid",
        R"(Invalid value: "number": spec.size in body must be of type integer: "number")"}},
      {"an integer that no reader could hold",
       "{type: object, properties: {size: {type: integer}}}",
       R"({"size":1e30})",
       {"spec.size", "FieldValueTypeInvalid",
        R"(Invalid value: "number": spec.size in body must be of type integer: "number")"}},
      {"null in a list",
       "{type: array, items: {type: string}}",
       "[null]",
       {"spec[0]", "FieldValueTypeInvalid",
        R"(Invalid value: "null": spec[0] in body must be of type string: "null")"}},
      {"member of a map",
       "{type: object, additionalProperties: {type: string}}",
       R"({"a":1})",
       {"spec.a", "FieldValueTypeInvalid",
        R"(Invalid value: "integer": spec.a in body must be of type string: "integer")"}},
      {"int-or-string",
       "{x-kubernetes-int-or-string: true}",
       "true",
       {"spec", "FieldValueTypeInvalid",
        R"(Invalid value: "boolean": spec in body must be of type integer,string: "boolean")"}},
  });
}

TEST_CASE("[API] schema: violations in the words of Kubernetes: limits of numbers") {
  CheckViolations({
      {"maximum",
       "{type: integer, maximum: 10}",
       "99",
       {"spec", "FieldValueInvalid", "Invalid value: 99: spec in body should be less than or equal to 10"}},
      {"minimum",
       "{type: integer, minimum: 1}",
       "0",
       {"spec", "FieldValueInvalid", "Invalid value: 0: spec in body should be greater than or equal to 1"}},
      {"minimum beyond a double's digits",
       "{type: integer, minimum: 9007199254740993}",
       "9007199254740992",
       {"spec", "FieldValueInvalid",
        "Invalid value: 9007199254740992: spec in body should be greater than or equal to 9007199254740993"}},
      {"exclusive maximum",
       "{type: number, maximum: 1, exclusiveMaximum: true}",
       "1.0",
       {"spec", "FieldValueInvalid", "Invalid value: 1.0: spec in body should be less than 1"}},
      {"exclusive minimum",
       "{type: number, minimum: 0, exclusiveMinimum: true}",
       "0",
       {"spec", "FieldValueInvalid", "Invalid value: 0: spec in body should be greater than 0"}},
      {"multiple",
       "{type: integer, multipleOf: 5}",
       "7",
       {"spec", "FieldValueInvalid", "Invalid value: 7: spec in body should be a multiple of 5"}},
  });
}

TEST_CASE("[API] schema: violations in the words of Kubernetes: texts and choices") {
  CheckViolations({
      {"pattern",
       "{type: string, pattern: '^[a-z]+:[0-9]+$'}",
       R"("BAD")",
       {"spec", "FieldValueInvalid", R"(Invalid value: "BAD": spec in body should match '^[a-z]+:[0-9]+$')"}},
      {"enum",
       "{type: string, enum: [Fast, Slow]}",
       R"("Nope")",
       {"spec", "FieldValueNotSupported", R"(Unsupported value: "Nope": supported values: "Fast", "Slow")"}},
      {"enum of numbers",
       "{type: integer, enum: [1, 2]}",
       "3",
       {"spec", "FieldValueNotSupported", R"(Unsupported value: 3: supported values: "1", "2")"}},
      {"minLength",
       "{type: string, minLength: 3}",
       R"("äö")",
       {"spec", "FieldValueInvalid", R"(Invalid value: "äö": spec in body should be at least 3 chars long)"}},
      {"maxLength",
       "{type: string, maxLength: 2}",
       R"("äöü")",
       {"spec", "FieldValueTooLong", "Too long: may not be longer than 2"}},
  });
}

TEST_CASE("[API] schema: violations in the words of Kubernetes: counts") {
  CheckViolations({
      {"minItems",
       "{type: array, minItems: 2, items: {type: integer}}",
       "[1]",
       {"spec", "FieldValueInvalid", "Invalid value: 1: spec in body should have at least 2 items"}},
      {"maxItems",
       "{type: array, maxItems: 3, items: {type: integer}}",
       "[1,2,3,4]",
       {"spec", "FieldValueTooMany", "Too many: 4: must have at most 3 items"}},
      {"minProperties",
       "{type: object, minProperties: 1, additionalProperties: {type: string}}",
       "{}",
       {"spec", "FieldValueInvalid", "Invalid value: 0: spec in body should have at least 1 properties"}},
      {"maxProperties",
       "{type: object, maxProperties: 1, additionalProperties: {type: string}}",
       R"({"a":"","b":""})",
       {"spec", "FieldValueTooMany", "Too many: 2: must have at most 1 items"}},
  });
}

TEST_CASE("[API] schema: violations in the words of Kubernetes: lists that are sets or maps") {
  CheckViolations({
      {"set",
       "{type: array, x-kubernetes-list-type: set, items: {type: string}}",
       R"(["b","a","a"])",
       {"spec[2]", "FieldValueDuplicate", R"(Duplicate value: "a")"}},
      {"map",
       "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, "
       "required: [name], properties: {name: {type: string}, x: {type: integer}}}}",
       R"([{"name":"p","x":1},{"name":"p","x":2}])",
       {"spec[1]", "FieldValueDuplicate", R"(Duplicate value: {"name":"p"})"}},
  });
}

TEST_CASE("[API] schema: violations in the words of Kubernetes: anyOf, oneOf, allOf and not") {
  CheckViolations({
      {"anyOf",
       "{type: string, anyOf: [{maxLength: 1}, {pattern: ^long}]}",
       R"("ab")",
       {"spec", "FieldValueInvalid", R"(Invalid value: "": "spec" must validate at least one schema (anyOf))"}},
      {"oneOf, none",
       "{type: integer, oneOf: [{minimum: 5}, {minimum: 7}]}",
       "1",
       {"spec", "FieldValueInvalid",
        R"(Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid)"}},
      {"oneOf, both",
       "{type: integer, oneOf: [{minimum: 5}, {minimum: 7}]}",
       "9",
       {"spec", "FieldValueInvalid",
        R"(Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives)"}},
      {"allOf",
       "{type: integer, allOf: [{minimum: 5}, {maximum: 7}]}",
       "9",
       {"spec", "FieldValueInvalid", "Invalid value: 9: spec in body should be less than or equal to 7"}},
      {"not",
       "{type: string, not: {enum: [root]}}",
       R"("root")",
       {"spec", "FieldValueInvalid", R"(Invalid value: "": "spec" must not validate the schema (not))"}},
  });
}

TEST_CASE("[API] schema: formats") {
  struct Row {
    std::string type;
    std::string format;
    std::vector<std::string> good;
    std::vector<std::string> bad;
  };
  const Row rows[] = {
      {"string", "date-time", {R"("2026-11-20T20:58:51Z")"}, {R"("yesterday")", R"("2026-11-20")"}},
      {"string", "duration", {R"("5m")", R"("1h30m")"}, {R"("5 parsecs")", R"("")"}},
      {"string", "byte", {R"("Zm9v")", R"("")"}, {R"("Zm9")"}},
      {"string", "email", {R"("a@b")", R"("alice@example.org")"}, {R"("a@")", R"("@b")", R"("a@b@c")", R"("a b@c")"}},
      {"string",
       "uri",
       {R"("https://x/y")", R"("/a")", R"("mailto:a")"},
       {R"("x y:z")", R"("://a")", R"("a")", R"("a:")"}},
      {"string",
       "uuid",
       {R"("7c9e6679-7425-40de-944b-e07fc1f90ae7")"},
       {R"("7c9e6679742540de944be07fc1f90ae7")", R"("7c9e6679-7425-40de-944b-e07fc1f90aeg")"}},
      {"string", "ipv4", {R"("127.0.0.1")"}, {R"("256.0.0.1")", R"("::1")", R"("127.0.0.1\u0000x")"}},
      {"string", "ipv6", {R"("::1")"}, {R"("127.0.0.1")", R"("::g")"}},
      {"integer", "int32", {"2147483647", "-2147483648"}, {"2147483648"}},
      {"number", "int64", {"9223372036854775807"}, {"1e30"}},
      {"string", "nobody-knows-it", {R"("x")"}, {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.format);
    const Schema schema = ResourceWithSpec("{type: " + row.type + ", format: " + row.format + "}");
    for (const std::string& good : row.good) CHECK(schema.Validate(Json::Of({{"spec", Read(good)}})).empty());
    for (const std::string& bad : row.bad) {
      CAPTURE(bad);
      const auto causes = schema.Validate(Json::Of({{"spec", Read(bad)}}));
      REQUIRE(causes.size() == 1);
      CHECK(causes[0].reason == "FieldValueTypeInvalid");
      CHECK(causes[0].message == FormatViolation(WriteJson(Read(bad)), row.format));
    }
  }
}

TEST_CASE("[API] schema: all violations come at once, up to a limit") {
  const Schema schema = ResourceWithSpec(
      "{type: object, required: [a], properties: {b: {type: string, maxLength: 1}, "
      "c: {type: array, items: {type: string}}}}");
  CHECK(schema.Validate(Read(R"({"spec":{"b":"xx","c":[1,"",2]}})")).size() == 4);
  Json many = Read(R"({"spec":{"a":1}})");
  for (int i = 0; i < 1000; ++i) many["spec"]["c"].Append(i);
  CHECK(schema.Validate(many).size() == 100);
}

TEST_CASE("[API] schema: what a request says is repeated in bounds, and cannot move the cursor") {
  const Schema schema = ResourceWithSpec("{type: object, additionalProperties: {type: array, items: {type: string}}}");
  Json long_key = Json::EmptyObject();
  long_key["spec"][Repeat("k", 100'000)] = Json::Array{1, 2};
  for (const Cause& cause : schema.Validate(long_key)) CHECK(cause.field.size() < 300);
  CHECK(schema.Validate(Json::Of({{"spec", Json::Of({{"a\nb", Json::Array{1}}})}}))[0].field == "spec.a?b[0]");

  Json unknown = Json::EmptyObject();
  for (int i = 0; i < 1000; ++i) unknown[std::to_string(i)] = i;
  CHECK(ResourceWithSpec("{type: object}").Prune(unknown).size() == 100);
  CHECK(unknown.size() == 0);
  Json bell = Json::Of({{"\a", 1}});
  CHECK(ResourceWithSpec("{type: object}").Prune(bell) == std::vector<std::string>{"?"});
}

TEST_CASE("[API] schema: undeclared members are pruned and named, nulls go silently") {
  const Schema schema = ResourceWithSpec(
      "{type: object, properties: {"
      "ports: {type: array, items: {type: object, properties: {port: {type: integer}}}}, "
      "free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {n: {type: object, properties: {}}}}, "
      "any: {type: object, additionalProperties: true}, "
      "map: {type: object, additionalProperties: {type: object, properties: {a: {type: integer}}}}, "
      "kind: {type: string}, none: {type: string, nullable: true}}}");
  Json value = Read(R"({"apiVersion":"x","kind":"y","metadata":{"labels":{"a":"b"}},"other":1,
      "spec":{"bogus":1,"ports":[{"port":2.0,"zz":1}],"free":{"x":{"y":1},"n":{"z":1}},"any":{"q":[1]},
              "map":{"k":{"a":1,"b":2},"gone":null},"kind":null,"none":null}})");

  const auto removed = schema.Prune(value);

  CHECK(removed ==
        std::vector<std::string>{"other", "spec.bogus", "spec.free.n.z", "spec.map.k.b", "spec.ports[0].zz"});
  CHECK(value == Read(R"({"apiVersion":"x","kind":"y","metadata":{"labels":{"a":"b"}},
      "spec":{"ports":[{"port":2}],"free":{"x":{"y":1},"n":{}},"any":{"q":[1]},"map":{"k":{"a":1}},"none":null}})"));
  CHECK(schema.Prune(value).empty());
  CHECK(schema.Validate(value).empty());
}

TEST_CASE("[API] schema: defaults are filled in where the parent exists, at every depth") {
  const Schema schema = ResourceWithSpec(
      "{type: object, properties: {branch: {type: string, default: development}, "
      "items: {type: array, items: {type: object, properties: {size: {type: integer, default: 1}}}}, "
      "map: {type: object, additionalProperties: {type: object, properties: {on_: {type: boolean, default: true}}}}, "
      "absent: {type: object, properties: {x: {type: integer, default: 5}}}, "
      "made: {type: object, default: {}, properties: {x: {type: integer, default: 5}}}}}");
  Json value = Read(R"({"spec":{"items":[{},{"size":7}],"map":{"k":{}}}})");

  schema.ApplyDefaults(value);

  const Json expected = Read(R"({"spec":{"branch":"development","items":[{"size":1},{"size":7}],
      "map":{"k":{"on_":true}},"made":{"x":5}}})");
  CHECK(value == expected);
  schema.ApplyDefaults(value);
  CHECK(value == expected);
}

TEST_CASE("[API] schema: what a reader can ask") {
  const Schema schema = ResourceWithSpec(
      "{type: object, properties: {b: {type: array, items: {type: string}}, a: {x-kubernetes-int-or-string: true, default: 5}}}");
  const Schema* spec = schema.Property("spec");
  REQUIRE(spec);
  CHECK(spec->PropertyNames() == std::vector<std::string_view>{"a", "b"});
  CHECK(spec->Property("a")->type() == "int-or-string");
  CHECK(*spec->Property("a")->default_value() == Json(5));
  CHECK(spec->Property("b")->items()->type() == "string");
  CHECK(spec->Property("c") == nullptr);
  CHECK(spec->additional_properties() == nullptr);
}

TEST_CASE("[API] schema: a pattern takes linear time, whatever it is") {
  const Schema schema = ResourceWithSpec("{type: string, pattern: '^(a+)+$'}");
  CHECK(schema.Validate(Json::Of({{"spec", Repeat("a", 100'000) + "b"}})).size() == 1);
}
