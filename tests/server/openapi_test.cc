#include "server/openapi.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "api/meta/words.h"
#include "server/openapi_protobuf.h"
#include "server/openapi_schema.h"
#include "tests/support/api_box.h"

using namespace server;
using namespace tests;
using api::Json;

namespace {

constexpr const char* kProtobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// Of hex digits, blanks between them or not.
std::string Bytes(std::string_view hex) {
  std::string digits;
  for (const char c : hex)
    if (c != ' ' && c != '\n') digits += c;
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes += static_cast<char>(api::HexDigitOf(digits[i]) * 16 + api::HexDigitOf(digits[i + 1]));
  return bytes;
}

std::optional<std::uint64_t> TakeVarint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// A message as `1{…}2"…"`, by trying what it may be. JSON in it is written anew: blanks and order do not count.
std::optional<std::string> Dump(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto tag = TakeVarint(bytes);
    if (!tag || *tag >> 3 == 0) return std::nullopt;
    text += std::to_string(*tag >> 3);
    if ((*tag & 7) == 0) {
      const auto value = TakeVarint(bytes);
      if (!value) return std::nullopt;
      text += "=" + std::to_string(*value) + ";";
      continue;
    }
    const auto length = (*tag & 7) == 2 ? TakeVarint(bytes) : std::nullopt;
    if (!length || *length > bytes.size()) return std::nullopt;
    const std::string_view part = bytes.substr(0, *length);
    bytes.remove_prefix(*length);
    const auto json = api::codec::ParseJson(part);
    const auto message = Dump(part);
    text += json      ? "\"" + api::codec::WriteJson(*json) + "\""
            : message ? "{" + *message + "}"
                      : "\"" + std::string(part) + "\"";
  }
  return text;
}

/// What `$ref`s there are, at any depth.
void EachReference(const Json& json, const std::function<void(const std::string&)>& visit) {
  if (json.object())
    for (const auto& [key, value] : *json.object()) {
      if (key == "$ref" && value.string()) visit(*value.string());
      EachReference(value, visit);
    }
  if (json.array())
    for (const Json& element : *json.array()) EachReference(element, visit);
}

Json Parsed(const char* text) { return *api::codec::ParseJson(text); }

}  // namespace

TEST_CASE("[WIRE] the smallest document of OpenAPI v2 is the nineteen bytes that kubectl took") {
  const Json document = Parsed(R"({"swagger":"2.0","info":{"title":"hero","version":"v1"},"paths":{}})");
  CHECK(OpenApiV2Protobuf(document) == Bytes("0a03322e30 120a0a046865726f12027631 4200"));
}

TEST_CASE("[WIRE] a kind's patch operation is the bytes that make kubectl 1.20 dry-run") {
  const Json document = Parsed(
      R"({"swagger":"2.0","info":{"title":"hero","version":"v1"},"paths":{)"
      R"("/apis/hero.dev/v1/namespaces/{namespace}/slots/{name}":{"patch":{"parameters":[{"in":"query","name":"dryRun","type":"string"}],)"
      R"("x-kubernetes-group-version-kind":{"group":"hero.dev","version":"v1","kind":"Slot"}}}}})");
  const std::string recorded = Bytes(
      "0a03322e30 120a0a046865726f12027631 42be01 12bb01 0a35"
      "2f617069732f6865726f2e6465762f76312f6e616d657370616365732f7b6e616d6573706163657d2f736c6f74732f7b6e616d657d"
      "128101 427f 421d 0a1b 1219 1a17 12057175657279 220664727952756e 3206737472696e67 4a00"
      "6a5c 0a1f 782d6b756265726e657465732d67726f75702d76657273696f6e2d6b696e64 1239 1237"
      "7b2267726f7570223a20226865726f2e646576222c202276657273696f6e223a20227631222c20226b696e64223a2022536c6f74227d0a");
  const auto expected = Dump(recorded);
  REQUIRE(expected);
  CHECK(expected->find("slots/{name}") != std::string::npos);
  CHECK(Dump(OpenApiV2Protobuf(document)) == expected);
}

TEST_CASE("[WIRE] OpenAPI v2 comes as protobuf or as JSON, by what is asked for") {
  ApiBox box;
  const auto protobuf = box.Ask("GET", "/openapi/v2?timeout=32s", "", {{"accept", kProtobuf}});
  CHECK(protobuf.status == 200);
  CHECK(HeaderOf(protobuf, "Content-Type") == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
  CHECK(protobuf.body.starts_with(Bytes("0a03322e30 120a0a046865726f12027631 42")));
  CHECK(Dump(protobuf.body));
  CHECK(protobuf.body.find("dev.hero.v1.Slot") != std::string::npos);
  const auto json = box.Ask("GET", "/openapi/v2", "", {{"accept", "application/json, */*"}});
  CHECK(HeaderOf(json, "Content-Type") == "application/json");
  CHECK(TextAt(JsonOf(json), {"swagger"}) == "2.0");
  CHECK(HeaderOf(box.Ask("GET", "/openapi/v2", "", {{"accept", "application/json," + std::string(kProtobuf)}}),
                 "Content-Type") == "application/json");
  CHECK(box.Ask("GET", "/openapi/v2", "", {{"accept", "text/html"}}).status == 406);
  CHECK(box.Ask("GET", "/openapi/v2/x").status == 404);
  CHECK(box.Ask("GET", "/openapi").status == 404);
}

TEST_CASE("[WIRE] a schema of OpenAPI v2 leaves out what v2 cannot say") {
  struct Row {
    const char* given;
    const char* said;
  };
  const Row rows[] = {
      {R"({"type":"integer","minimum":1,"default":1})", R"({"minimum":1,"type":"integer"})"},
      {R"({"type":"string","nullable":true,"description":"d"})", "{}"},
      {R"({"type":"object","properties":{"a":{"type":"string","default":"x"}},"required":["a"],"oneOf":[{}],"not":{}})",
       R"({"properties":{"a":{"type":"string"}},"required":["a"],"type":"object"})"},
      {R"({"type":"object","description":"d","properties":{"a":{}},"x-kubernetes-preserve-unknown-fields":true})",
       R"({"description":"d","x-kubernetes-preserve-unknown-fields":true})"},
      {R"({"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]})",
       R"({"x-kubernetes-int-or-string":true})"},
      {R"({"type":"array","items":{"type":"string","nullable":true}})", R"({"items":{},"type":"array"})"},
      {R"({"type":"array"})", "{}"},
      {R"({"type":"object","additionalProperties":{"type":"string","default":"x"}})",
       R"({"additionalProperties":{"type":"string"},"type":"object"})"},
      {R"({"type":"object","additionalProperties":true})", R"({"additionalProperties":true,"type":"object"})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.given);
    CHECK(api::codec::WriteJson(WithoutVersion3(Parsed(row.given))) == row.said);
  }
}

TEST_CASE("[WIRE] a definition is found by its kind, and every reference leads to one") {
  ApiBox box;
  const Json document = JsonOf(box.Ask("GET", "/openapi/v2"));
  const Json* slot = document.At({"definitions", "dev.hero.v1.Slot"});
  REQUIRE(slot);
  CHECK(TextAt(*slot, {"x-kubernetes-group-version-kind"}) == R"([{"group":"hero.dev","kind":"Slot","version":"v1"}])");
  CHECK(TextAt(*slot, {"properties", "spec", "properties", "size", "type"}) == "integer");
  CHECK(TextAt(*slot, {"properties", "spec", "properties", "mode"}) == R"({"enum":["Fast","Slow"],"type":"string"})");
  CHECK(TextAt(*slot, {"properties", "kind", "type"}) == "string");
  const Json* patch = document.At({"paths", "/apis/hero.dev/v1/namespaces/{namespace}/slots/{name}", "patch"});
  REQUIRE(patch);
  CHECK(TextAt(*patch, {"x-kubernetes-group-version-kind"}) == R"({"group":"hero.dev","kind":"Slot","version":"v1"})");
  CHECK(TextAt(*patch, {"parameters"}).find(R"("name":"dryRun")") != std::string::npos);
  CHECK(document.At({"paths", "/apis/hero.dev/v1/users/{name}", "patch"}));
  CHECK(document.At({"paths", "/api/v1/namespaces/{namespace}/events/{name}", "patch"}));
  CHECK(document.At({"definitions", "io.k8s.api.core.v1.Event"}));

  int references = 0;
  EachReference(document, [&](const std::string& reference) {
    CAPTURE(reference);
    ++references;
    REQUIRE(reference.starts_with("#/definitions/"));
    CHECK(document.At({"definitions", reference.substr(14)}));
  });
  CHECK(references > 10);
}

TEST_CASE("[WIRE] OpenAPI v3 has a document a group, whose address changes with it") {
  ApiBox box;
  const Json index = JsonOf(box.Ask("GET", "/openapi/v3?timeout=32s"));
  const std::string address = TextAt(index, {"paths", "apis/hero.dev/v1", "serverRelativeURL"});
  CHECK(address.starts_with("/openapi/v3/apis/hero.dev/v1?hash="));
  CHECK(TextAt(index, {"paths", "api/v1", "serverRelativeURL"}).starts_with("/openapi/v3/api/v1?hash="));
  const Json document = JsonOf(box.Ask("GET", address + "&timeout=32s", "", {{"accept", "application/json"}}));
  CHECK(TextAt(document, {"openapi"}) == "3.0.0");
  const Json* patch = document.At({"paths", "/apis/hero.dev/v1/namespaces/{namespace}/slots/{name}", "patch"});
  REQUIRE(patch);
  for (const char* const name : {"dryRun", "fieldManager", "fieldValidation"})
    CHECK(TextAt(*patch, {"parameters"})
              .find(R"({"in":"query","name":")" + std::string(name) + R"(","schema":{"type":"string"}})") !=
          std::string::npos);
  CHECK(TextAt(*patch, {"parameters"}).find(R"({"in":"query","name":"force","schema":{"type":"boolean"}})") !=
        std::string::npos);
  CHECK(TextAt(*patch, {"x-kubernetes-action"}) == "patch");
  CHECK(TextAt(*patch, {"x-kubernetes-group-version-kind"}) == R"({"group":"hero.dev","kind":"Slot","version":"v1"})");
  const Json* slot = document.At({"components", "schemas", "dev.hero.v1.Slot"});
  REQUIRE(slot);
  CHECK(TextAt(*slot, {"properties", "spec", "properties", "mode", "default"}) == "Fast");
  CHECK(TextAt(*slot, {"x-kubernetes-group-version-kind"}) == R"([{"group":"hero.dev","kind":"Slot","version":"v1"}])");
  EachReference(document, [&](const std::string& reference) {
    CAPTURE(reference);
    REQUIRE(reference.starts_with("#/components/schemas/"));
    CHECK(document.At({"components", "schemas", reference.substr(21)}));
  });

  REQUIRE(box.catalog.Add({.group = "hero.dev", .version = "v1", .kind = "Thing", .plural = "things"}));
  const Json next = JsonOf(box.Ask("GET", "/openapi/v3"));
  CHECK(TextAt(next, {"paths", "apis/hero.dev/v1", "serverRelativeURL"}) != address);
  CHECK(TextAt(next, {"paths", "api/v1"}) == TextAt(index, {"paths", "api/v1"}));
  CHECK(box.Ask("GET", address).status == 200);  // An old address is as good as a new one.
  for (const char* const missing : {"/openapi/v3/apis/hero.dev/v2", "/openapi/v3/apis/hero.dev", "/openapi/v3/x"})
    CHECK(box.Ask("GET", missing).status == 404);
}
