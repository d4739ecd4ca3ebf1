#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/fields/changes.h"
#include "api/fields/layout.h"
#include "api/fields/merge.h"

namespace api::fields {
namespace {

Json Parsed(std::string_view text) {
  auto json = codec::ParseJson(text);
  REQUIRE_MESSAGE(json, text);
  return *std::move(json);
}

FieldSet Set(std::string_view text) {
  auto set = FieldSet::FromJson(Parsed(text));
  REQUIRE_MESSAGE(set, text);
  return *std::move(set);
}

std::string Text(const FieldSet& set) { return codec::WriteJson(set.ToJson()); }

/// A kind with one of everything that decides how fields are told apart.
schema::Schema Sample() {
  auto kind =
      schema::Schema::FromJson(Parsed(R"({"type": "object", "properties": {"spec": {"type": "object", "properties": {
    "size": {"type": "integer"},
    "names": {"type": "array", "items": {"type": "string"}},
    "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "fixed": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": {"type": "integer"}}},
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "protocol"],
      "items": {"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"}, "port": {"type": "integer"},
        "protocol": {"type": "string", "default": "TCP"}}}}}}}})"),
                               "");
  REQUIRE_MESSAGE(kind, kind.error().message);
  return ObjectSchema(&*kind);
}

TEST_CASE("[WIRE] fields: a set is read and written as fieldsV1, its keys in one spelling") {
  const std::string text =
      R"({"f:spec":{".":{},"f:ports":{"k:{\"name\":\"web\"}":{".":{},"f:port":{}}},"f:tags":{"v:\"x\"":{}}}})";
  CHECK(Text(Set(text)) == text);
  CHECK(Text(Set(R"({"f:a":{"k:{\"b\": 1, \"a\": 2}":{}}})")) == R"({"f:a":{"k:{\"a\":2,\"b\":1}":{}}})");
  CHECK(Set(text).Paths() == std::vector<std::string>{".spec", R"(.spec.ports[name="web"])",
                                                      R"(.spec.ports[name="web"].port)", R"(.spec.tags[="x"])"});
  CHECK(Set("{}").empty());
  for (const char* const bad : {R"({"spec":{}})", R"({"f:a":1})", R"({"k:[]":{}})", R"({"v:":{}})", "[]"}) {
    CAPTURE(bad);
    CHECK_FALSE(FieldSet::FromJson(Parsed(bad)));
  }
}

TEST_CASE("[WIRE] fields: sets are united, subtracted and cut field by field") {
  const FieldSet left = Set(R"({"f:a":{".":{},"f:b":{}},"f:c":{}})");
  const FieldSet right = Set(R"({"f:a":{"f:b":{},"f:d":{}}})");
  FieldSet all = left;
  all.Unite(right);
  CHECK(Text(all) == R"({"f:a":{".":{},"f:b":{},"f:d":{}},"f:c":{}})");
  FieldSet rest = left;
  rest.Subtract(right);
  CHECK(Text(rest) == R"({"f:a":{},"f:c":{}})");
  rest.Subtract(Set(R"({"f:a":{}})"));
  CHECK(Text(rest) == R"({"f:c":{}})");
  CHECK(Text(left.Intersection(right)) == R"({"f:a":{"f:b":{}}})");
}

TEST_CASE("[WIRE] fields: what a value says something about, by what its schema says of lists and maps") {
  struct Row {
    const char* value;
    const char* fields;
  };
  const Row rows[] = {
      {R"({"spec":{"size":1,"names":["a","b"]}})", R"({"f:spec":{"f:names":{},"f:size":{}}})"},
      {R"({"spec":{"tags":["x","y"]}})", R"({"f:spec":{"f:tags":{"v:\"x\"":{},"v:\"y\"":{}}}})"},
      {R"({"spec":{"labels":{"a":"1"}}})", R"({"f:spec":{"f:labels":{"f:a":{}}}})"},
      {R"({"spec":{"fixed":{"a":1}}})", R"({"f:spec":{"f:fixed":{}}})"},
      {R"({"spec":{"free":{"a":{"b":[1]}}}})", R"({"f:spec":{"f:free":{"f:a":{".":{},"f:b":{}}}}})"},
      {R"({"spec":{}})", R"({"f:spec":{}})"},
      {R"({"spec":{"ports":[]}})", "{}"},
      {R"({"spec":{"ports":[{"name":"web","port":80}]}})",
       R"({"f:spec":{"f:ports":{"k:{\"name\":\"web\",\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}}}}})"},
      {R"({"metadata":{"labels":{"a":"b"},"finalizers":["x/y"],"ownerReferences":[{"uid":"u","kind":"K"}]}})",
       R"({"f:metadata":{"f:finalizers":{"v:\"x/y\"":{}},"f:labels":{"f:a":{}},"f:ownerReferences":{"k:{\"uid\":\"u\"}":{}}}})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    CHECK(Text(FieldsOf(Parsed(row.value), Sample())) == row.fields);
  }
}

TEST_CASE("[WIRE] fields: a change names what was added with its containers, changed and removed") {
  struct Row {
    const char* before;
    const char* after;
    const char* added;
    const char* modified;
    const char* removed;
  };
  const Row rows[] = {
      {"{}", R"({"spec":{"size":1}})", R"({"f:spec":{".":{},"f:size":{}}})", "{}", "{}"},
      {R"({"spec":{"size":1}})", R"({"spec":{"size":2}})", "{}", R"({"f:spec":{"f:size":{}}})", "{}"},
      {R"({"spec":{"size":1,"tags":["x"]}})", R"({"spec":{"tags":["y"]}})", R"({"f:spec":{"f:tags":{"v:\"y\"":{}}}})",
       "{}", R"({"f:spec":{"f:size":{},"f:tags":{"v:\"x\"":{}}}})"},
      {R"({"spec":{"names":["a"]}})", R"({"spec":{"names":["b"]}})", "{}", R"({"f:spec":{"f:names":{}}})", "{}"},
      {R"({"spec":{"labels":{"a":"1"}}})", R"({"spec":{}})", "{}", "{}",
       R"({"f:spec":{"f:labels":{".":{},"f:a":{}}}})"},
      {R"({"spec":{"free":{"a":{"b":1}}}})", R"({"spec":{"free":{"a":[1]}}})", "{}",
       R"({"f:spec":{"f:free":{"f:a":{}}}})", R"({"f:spec":{"f:free":{"f:a":{"f:b":{}}}}})"},
      {R"({"metadata":{}})", R"({"metadata":{"ownerReferences":[{"uid":"u1","kind":"K"}]}})",
       R"({"f:metadata":{"f:ownerReferences":{".":{},"k:{\"uid\":\"u1\"}":{}}}})", "{}", "{}"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.after);
    const Changes changes = Compare(Parsed(row.before), Parsed(row.after), Sample());
    CHECK(Text(changes.added) == row.added);
    CHECK(Text(changes.modified) == row.modified);
    CHECK(Text(changes.removed) == row.removed);
  }
}

TEST_CASE("[WIRE] fields: what is applied is merged by keys, in the order that is there") {
  Json target = Parsed(R"({"spec":{"size":1,"tags":["x","y"],"names":["a"],"fixed":{"a":1},
    "ports":[{"name":"web","port":80,"protocol":"TCP"},{"name":"api","port":81,"protocol":"TCP"}]}})");
  Merge(target, Parsed(R"({"spec":{"tags":["z","x"],"names":["b"],"fixed":{},
    "ports":[{"name":"new","port":1},{"name":"api","port":82}]}})"),
        Sample());
  CHECK(codec::WriteJson(target) ==
        R"({"spec":{"fixed":{},"names":["b"],"ports":[{"name":"web","port":80,"protocol":"TCP"},)"
        R"({"name":"api","port":82,"protocol":"TCP"},{"name":"new","port":1}],"size":1,"tags":["x","y","z"]}})");
}

TEST_CASE("[WIRE] fields: members are merged by their keys, those that are new in their places") {
  Json target = Parsed(R"({"spec":{"labels":{"b":"1","d":"1","f":"1"}}})");
  Merge(target, Parsed(R"({"spec":{"labels":{"a":"2","b":"2","c":"2","f":"2","g":"2"}}})"), Sample());
  CHECK(codec::WriteJson(target) == R"({"spec":{"labels":{"a":"2","b":"2","c":"2","d":"1","f":"2","g":"2"}}})");
}

TEST_CASE("[WIRE] fields: what nobody keeps is taken out, with the containers that are empty then") {
  const std::string object =
      R"({"spec":{"free":{"a":{"b":1,"c":2}},"labels":{"a":"1","b":"2"},"size":3,"tags":["x","y"]}})";
  struct Row {
    const char* gone;
    const char* kept;
    std::string left;
  };
  const Row rows[] = {
      {R"({"f:spec":{"f:size":{}}})", "{}",
       R"({"spec":{"free":{"a":{"b":1,"c":2}},"labels":{"a":"1","b":"2"},"tags":["x","y"]}})"},
      {R"({"f:spec":{"f:size":{}}})", R"({"f:spec":{"f:size":{}}})", object},
      {R"({"f:spec":{"f:labels":{"f:a":{},"f:b":{}},"f:tags":{"v:\"x\"":{},"v:\"y\"":{}}}})",
       R"({"f:spec":{"f:tags":{"v:\"y\"":{}}}})", R"({"spec":{"free":{"a":{"b":1,"c":2}},"size":3,"tags":["y"]}})"},
      {R"({"f:spec":{"f:free":{"f:a":{"f:b":{}}}}})", "{}",
       R"({"spec":{"free":{"a":{"c":2}},"labels":{"a":"1","b":"2"},"size":3,"tags":["x","y"]}})"},
      {R"({"f:spec":{"f:free":{"f:a":{".":{},"f:b":{}}}}})", "{}",
       R"({"spec":{"labels":{"a":"1","b":"2"},"size":3,"tags":["x","y"]}})"},
      {R"({"f:spec":{"f:missing":{},"f:size":{"f:below":{}}}})", "{}", object},
  };
  for (const Row& row : rows) {
    CAPTURE(row.gone);
    Json value = Parsed(object);
    Remove(value, Set(row.gone), Set(row.kept), Sample());
    CHECK(codec::WriteJson(value) == row.left);
  }
}

TEST_CASE("[WIRE] fields: what no schema declares, or stands twice in a set, cannot be applied") {
  struct Row {
    const char* value;
    std::string message;
  };
  const Row rows[] = {
      {R"({"spec":{"bogus":1}})", ".spec.bogus: field not declared in schema"},
      {R"({"bogus":1})", ".bogus: field not declared in schema"},
      {R"({"spec":{"ports":[{"port":1}]}})",
       ".spec.ports: element 0: associative list with keys has an element that omits key field \"name\" (and doesn't "
       "have default value)"},
      {R"({"spec":{"tags":["a","a"]}})", R"(.spec.tags: duplicate entries for key [="a"])"},
      {R"({"spec":{"ports":[{"name":"a"},{"name":"a"}],"x":1}})",
       "errors:\n  .spec.ports: duplicate entries for key [name=\"a\",protocol=\"TCP\"]\n"
       "  .spec.x: field not declared in schema"},
      {R"({"metadata":{"foo":1}})", ".metadata.foo: field not declared in schema"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    const auto checked = CheckDeclared(Parsed(row.value), Sample());
    REQUIRE_FALSE(checked);
    CHECK(checked.error().message == row.message);
  }
  CHECK(CheckDeclared(Parsed(R"({"spec":{"free":{"any":[{}]},"labels":{"a":"b"}}})"), Sample()));
}

TEST_CASE("[WIRE] fields: what is nested too deep for managedFields is one field") {
  Json deep = 1;
  for (int i = 0; i < 60; ++i) deep = Json::Of({{"a", std::move(deep)}});
  const FieldSet fields = FieldsOf(Json::Of({{"spec", Json::Of({{"free", std::move(deep)}})}}), Sample());
  const std::string managed = R"({"metadata":{"managedFields":[{"fieldsV1":)" + Text(fields) + "}]}}";
  CHECK(codec::ParseJson(managed));
}

}  // namespace
}  // namespace api::fields
