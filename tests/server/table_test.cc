#include "server/table.h"

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/default/slots";
const std::vector<Header> kAsTable{
    {"accept",
     "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"}};

constexpr const char* kColumns =
    R"([{"description":"","format":"name","name":"Name","priority":0,"type":"string"},)"
    R"({"description":"Number of units","format":"","name":"Size","priority":0,"type":"integer"},)"
    R"({"description":"","format":"","name":"Image","priority":1,"type":"string"},)"
    R"({"description":"","format":"","name":"Age","priority":0,"type":"date"}])";

/// Two slots, 4 min 14 s ago: version 1 and 2.
void Fill(ApiBox& box) {
  REQUIRE(
      box.Ask(
             "POST", kSlots,
             R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"a"},"spec":{"size":2,"image":"base:1"}})")
          .status == 201);
  REQUIRE(box.Ask("POST", kSlots, R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"b"}})").status ==
          201);
  box.clock.Advance(std::chrono::seconds(254));
}

}  // namespace

TEST_CASE("[WIRE] a list as a table has the kind's columns, native cells and the row's metadata") {
  ApiBox box;
  Fill(box);
  const auto response = box.Ask("GET", std::string(kSlots) + "?limit=500", "", kAsTable);
  CHECK(HeaderOf(response, "Content-Type") == "application/json");
  const api::Json table = JsonOf(response);
  CHECK(TextAt(table, {"kind"}) == "Table");
  CHECK(TextAt(table, {"apiVersion"}) == "meta.k8s.io/v1");
  CHECK(TextAt(table, {"metadata", "resourceVersion"}) == "2");
  CHECK(TextAt(table, {"columnDefinitions"}) == kColumns);
  const api::Json::Array& rows = *table.Find("rows")->array();
  REQUIRE(rows.size() == 2);
  CHECK(TextAt(rows[0], {"cells"}) == R"(["a",2,"base:1","4m14s"])");
  CHECK(TextAt(rows[1], {"cells"}) == R"(["b",null,null,"4m14s"])");
  CHECK(TextAt(rows[0], {"object", "kind"}) == "PartialObjectMetadata");
  CHECK(TextAt(rows[0], {"object", "apiVersion"}) == "meta.k8s.io/v1");
  CHECK(TextAt(rows[0], {"object", "metadata", "namespace"}) == "default");
  CHECK(TextAt(rows[0], {"object", "spec"}) == "(none)");
}

TEST_CASE("[WIRE] a table of one object, with the whole object or none, in the old version") {
  ApiBox box;
  Fill(box);
  const std::string path = std::string(kSlots) + "/a";
  const api::Json whole = JsonOf(box.Ask("GET", path + "?includeObject=Object", "", kAsTable));
  CHECK(TextAt(whole, {"metadata", "resourceVersion"}) == "1");
  REQUIRE(whole.Find("rows")->size() == 1);
  CHECK(TextAt(whole.Find("rows")->array()->front(), {"object", "spec", "size"}) == "2");
  const api::Json none = JsonOf(box.Ask("GET", path + "?includeObject=None", "", kAsTable));
  CHECK(TextAt(none.Find("rows")->array()->front(), {"object"}) == "null");
  CHECK(box.Ask("GET", path + "?includeObject=Some", "", kAsTable).status == 400);
  const api::Json old =
      JsonOf(box.Ask("GET", path, "", {{"accept", "application/json;as=Table;v=v1beta1;g=meta.k8s.io"}}));
  CHECK(TextAt(old, {"apiVersion"}) == "meta.k8s.io/v1beta1");
}

TEST_CASE("[WIRE] a kind without columns shows its age, an error is never a table") {
  ApiBox box;
  REQUIRE(box.Ask("POST", "/apis/hero.dev/v1/users",
                  R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":"u"}})")
              .status == 201);
  box.clock.Advance(std::chrono::hours(3));
  const api::Json table = JsonOf(box.Ask("GET", "/apis/hero.dev/v1/users", "", kAsTable));
  CHECK(TextAt(table, {"columnDefinitions"}) ==
        R"([{"description":"","format":"name","name":"Name","priority":0,"type":"string"},)"
        R"({"description":"","format":"","name":"Age","priority":0,"type":"date"}])");
  CHECK(TextAt(table.Find("rows")->array()->front(), {"cells"}) == R"(["u","3h"])");
  CHECK(TextAt(JsonOf(box.Ask("GET", "/apis/hero.dev/v1/users/x", "", kAsTable)), {"kind"}) == "Status");
}

TEST_CASE("[WIRE] a definition of a kind shows when it was made, not for how long it is there") {
  const api::schema::Kind kind{
      .group = "apiextensions.k8s.io",
      .kind = "CustomResourceDefinition",
      .columns = {{.name = "Created At", .type = "date", .json_path = ".metadata.creationTimestamp"}}};
  const auto object =
      api::codec::ParseJson(R"({"metadata":{"name":"a.b.c","creationTimestamp":"2026-11-20T20:58:51Z"}})");
  REQUIRE(object);
  CHECK(api::codec::WriteJson(*TableRow(kind, *object, {}, api::Time()).Find("cells")) ==
        R"(["a.b.c","2026-11-20T20:58:51Z"])");
  CHECK(TextAt(TableColumns(kind).array()->at(1), {"type"}) == "date");
}

TEST_CASE("[WIRE] cells hold what fits their column's type") {
  using api::Json;
  const api::Time now{std::chrono::seconds(1'795'208'331)};  // 2026-11-20T20:58:51Z
  struct Row {
    const char* type;
    Json value;
    const char* cell;
  };
  const Row rows[] = {
      {"integer", 7, "7"},
      {"integer", "7", "null"},
      {"integer", 7.5, "null"},
      {"number", 7.5, "7.5"},
      {"boolean", true, "true"},
      {"boolean", "true", "null"},
      {"string", "x", "\"x\""},
      {"string", 7, "\"7\""},
      {"string", Json::Of({{"a", 1}}), R"("{\"a\":1}")"},
      {"string", Json(), "null"},
      {"date", "2026-11-20T20:57:51Z", "\"60s\""},
      {"date", "2026-11-20T20:59:51Z", "\"<invalid>\""},
      {"date", "yesterday", "\"<invalid>\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.type);
    CAPTURE(row.cell);
    const api::schema::Kind kind{.columns = {{.name = "C", .type = row.type, .json_path = ".v"}}};
    const Json object = Json::Of({{"metadata", Json::Of({{"name", "n"}})}, {"v", row.value}});
    const Json cells = *TableRow(kind, object, {.include = Include::kNone}, now).Find("cells");
    CHECK(api::codec::WriteJson(cells.array()->at(1)) == row.cell);
  }
}
