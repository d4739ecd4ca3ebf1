#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

void Create(ApiBox& box, const std::string& namespace_, const std::string& name, const std::string& labels = "{}") {
  const auto response = box.Ask(
      "POST", "/apis/hero.dev/v1/namespaces/" + namespace_ + "/slots",
      R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + name + R"(","labels":)" + labels + "}}");
  REQUIRE(response.status == 201);
}

/// `namespace/name` of every item, joined by blanks.
std::string Names(const Response& response) {
  std::string names;
  const api::Json json = JsonOf(response);
  for (const api::Json& item : *json.Find("items")->array())
    names +=
        (names.empty() ? "" : " ") + TextAt(item, {"metadata", "namespace"}) + "/" + TextAt(item, {"metadata", "name"});
  return names;
}

}  // namespace

TEST_CASE("[WIRE] a list is typed, sorted and carries the store's version") {
  ApiBox box;
  CHECK(
      box.Ask("GET", "/apis/hero.dev/v1/slots").body ==
      R"({"apiVersion":"hero.dev/v1","items":[],"kind":"SlotList","metadata":{"continue":"","resourceVersion":"0"}})");
  Create(box, "bob", "a");
  Create(box, "alice", "b");
  Create(box, "alice", "a");
  const auto all = box.Ask("GET", "/apis/hero.dev/v1/slots/?timeout=32s&pretty=true");
  CHECK(Names(all) == "alice/a alice/b bob/a");
  const api::Json json = JsonOf(all);
  CHECK(TextAt(json, {"kind"}) == "SlotList");
  CHECK(TextAt(json, {"metadata", "resourceVersion"}) == "3");
  CHECK(TextAt(json.Find("items")->array()->front(), {"kind"}) == "Slot");
  CHECK(Names(box.Ask("GET", "/apis/hero.dev/v1/namespaces/alice/slots")) == "alice/a alice/b");
  CHECK(Names(box.Ask("GET", "/apis/hero.dev/v1/namespaces/nobody/slots")) == "");
}

TEST_CASE("[WIRE] selectors narrow a list") {
  ApiBox box;
  Create(box, "alice", "a", R"({"tier":"web"})");
  Create(box, "alice", "b", R"({"tier":"db"})");
  Create(box, "bob", "a");
  const std::string path = "/apis/hero.dev/v1/slots";
  CHECK(Names(box.Ask("GET", path + "?labelSelector=tier%3Dweb")) == "alice/a");
  CHECK(Names(box.Ask("GET", path + "?labelSelector=tier+notin+(web)")) == "alice/b bob/a");
  CHECK(Names(box.Ask("GET", path + "?fieldSelector=metadata.name%3Da")) == "alice/a bob/a");
  CHECK(Names(box.Ask("GET", path + "?fieldSelector=metadata.name=a&labelSelector=!tier")) == "bob/a");
  CHECK(box.Ask("GET", path + "?labelSelector=((").status == 400);
  CHECK(TextAt(JsonOf(box.Ask("GET", path + "?fieldSelector=spec.size%3D3")), {"message"}) ==
        "field label not supported: spec.size; these are: metadata.name, metadata.namespace");
}

TEST_CASE("[WIRE] get sends the stored object, HEAD the same, status the whole of it") {
  ApiBox box;
  Create(box, "alice", "a");
  const std::string path = "/apis/hero.dev/v1/namespaces/alice/slots/a";
  const auto object = box.Ask("GET", path);
  CHECK(object.status == 200);
  const api::Json json = JsonOf(object);
  CHECK(TextAt(json, {"metadata", "resourceVersion"}) == "1");
  CHECK(TextAt(json, {"metadata", "generation"}) == "1");
  CHECK(TextAt(json, {"metadata", "creationTimestamp"}) == "2026-11-20T20:58:51Z");
  CHECK(TextAt(json, {"metadata", "uid"}).size() == 36);
  CHECK(box.Ask("GET", path + "/status").body == object.body);
  CHECK(box.Ask("HEAD", path).body == object.body);
  CHECK(box.Ask("GET", path + "?watch=1&labelSelector=((").body ==
        object.body);  // The options of a list mean nothing here.
  CHECK(HeaderOf(object, "Cache-Control") == "no-cache, private");
}
