#include "server/event_spelling.h"

#include <doctest/doctest.h>

#include "tests/support/api_box.h"
#include "tests/support/protobuf_bytes.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kCore =
    R"({"apiVersion":"v1","count":2,"eventTime":null,"firstTimestamp":"2026-11-20T20:48:51Z",)"
    R"("involvedObject":{"kind":"Slot","name":"a"},"kind":"Event","lastTimestamp":"2026-11-20T20:58:46Z","message":"m",)"
    R"("metadata":{"name":"a.1"},"reason":"Made","reportingComponent":"slot","source":{"component":"slot"},"type":"Normal"})";
constexpr const char* kEvents =
    R"({"apiVersion":"events.k8s.io/v1","deprecatedCount":2,"deprecatedFirstTimestamp":"2026-11-20T20:48:51Z",)"
    R"("deprecatedLastTimestamp":"2026-11-20T20:58:46Z","deprecatedSource":{"component":"slot"},"eventTime":null,)"
    R"("kind":"Event","metadata":{"name":"a.1"},"note":"m","reason":"Made","regarding":{"kind":"Slot","name":"a"},)"
    R"("reportingController":"slot","type":"Normal"})";

constexpr const char* kCorePath = "/api/v1/namespaces/default/events";
constexpr const char* kEventsPath = "/apis/events.k8s.io/v1/namespaces/default/events";

/// A box that serves events in both spellings.
struct EventBox : ApiBox {
  EventBox() {
    REQUIRE(catalog.Add({.group = "events.k8s.io",
                         .version = "v1",
                         .kind = "Event",
                         .list_kind = "EventList",
                         .plural = "events",
                         .singular = "event",
                         .is_namespaced = true}));
  }
};

}  // namespace

TEST_CASE("[WIRE] the two spellings of an event say the same") {
  api::Json event = *api::codec::ParseJson(kCore);
  SpellAsEventsGroup(event);
  CHECK(api::codec::WriteJson(event) == kEvents);
  SpellAsCore(event);
  CHECK(api::codec::WriteJson(event) == kCore);
  // A patch has no version, and is told no other.
  api::Json patch = *api::codec::ParseJson(R"({"note":"n","series":{"count":2}})");
  SpellAsCore(patch);
  CHECK(api::codec::WriteJson(patch) == R"({"message":"n","series":{"count":2}})");
  api::Json list = *api::codec::ParseJson("[1]");
  SpellAsCore(list);
  CHECK(api::codec::WriteJson(list) == "[1]");
}

TEST_CASE("[WIRE] events of the core group are read in events.k8s.io's spelling") {
  EventBox box;
  REQUIRE(box.Ask("POST", kCorePath, kCore).status == 201);
  const api::Json event = JsonOf(box.Ask("GET", std::string(kEventsPath) + "/a.1"));
  CHECK(TextAt(event, {"apiVersion"}) == "events.k8s.io/v1");
  CHECK(TextAt(event, {"note"}) == "m");
  CHECK(TextAt(event, {"message"}) == "(none)");
  CHECK(TextAt(event, {"regarding", "name"}) == "a");
  const api::Json list =
      JsonOf(box.Ask("GET", "/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Da,regarding.namespace%3D"));
  CHECK(TextAt(list, {"apiVersion"}) == "events.k8s.io/v1");
  REQUIRE(list.Find("items")->size() == 1);
  CHECK(list.Find("items")->array()->front() == event);
  const api::Json none = JsonOf(box.Ask("GET", std::string(kEventsPath) + "?fieldSelector=regarding.name%3Db"));
  CHECK(none.Find("items")->size() == 0);
  CHECK(box.Ask("GET", std::string(kEventsPath) + "/x").status == 404);

  const std::vector<Header> as_table{{"accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}};
  const std::string whole = "?includeObject=Object";
  const api::Json table = JsonOf(box.Ask("GET", kEventsPath + whole, "", as_table));
  const api::Json core_table = JsonOf(box.Ask("GET", kCorePath + whole, "", as_table));
  const api::Json& row = table.Find("rows")->array()->front();
  CHECK(TextAt(row, {"cells"}) == TextAt(core_table.Find("rows")->array()->front(), {"cells"}));
  CHECK(TextAt(row, {"cells"}) == R"(["5s","Normal","Made","slot/a","","slot","m","10m",2,"a.1"])");
  CHECK(TextAt(row, {"object", "note"}) == "m");
}

TEST_CASE("[WIRE] a watch of events.k8s.io tells what is stored by the core's name") {
  EventBox box;
  auto watch = box.Ask("GET", std::string(kEventsPath) +
                                  "?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch="
                                  "NotOlderThan&fieldSelector=regarding.kind%3DSlot");
  REQUIRE(watch.stream);
  REQUIRE(box.Ask("POST", kCorePath, kCore).status == 201);
  const std::string bytes = watch.stream->Pull().bytes;
  const std::size_t newline = bytes.find('\n');
  const auto mark = api::codec::ParseJson(bytes.substr(0, newline));
  REQUIRE(mark);
  CHECK(TextAt(*mark, {"type"}) == "BOOKMARK");
  CHECK(TextAt(*mark, {"object", "apiVersion"}) == "events.k8s.io/v1");
  const auto added = api::codec::ParseJson(bytes.substr(newline + 1, bytes.size() - newline - 2));
  REQUIRE(added);
  CHECK(TextAt(*added, {"type"}) == "ADDED");
  CHECK(TextAt(*added, {"object", "apiVersion"}) == "events.k8s.io/v1");
  CHECK(TextAt(*added, {"object", "regarding", "name"}) == "a");
}

TEST_CASE("[D-01] events: client-go's newer recorder posts protobuf to events.k8s.io and patches the series") {
  EventBox box;
  const std::string regarding = BytesField(1, "Slot") + BytesField(2, "default") + BytesField(3, "a");
  const std::string event = BytesField(1, BytesField(1, "a.2") + BytesField(3, "default")) +
                            BytesField(2, NumberField(1, 1'795'212'000) + NumberField(2, 5'000)) +
                            BytesField(4, "shop.example.com/widgets") + BytesField(5, "host-1") +
                            BytesField(6, "Scale") + BytesField(7, "Scaled") + BytesField(8, regarding) +
                            BytesField(10, "to 3") + BytesField(11, "Normal");
  const auto created = box.Ask("POST", kEventsPath, Envelope("events.k8s.io/v1", "Event", event));
  REQUIRE(created.status == 201);
  CHECK(TextAt(JsonOf(created), {"apiVersion"}) == "events.k8s.io/v1");
  CHECK(TextAt(JsonOf(created), {"note"}) == "to 3");

  const auto series = box.Ask("PATCH", std::string(kEventsPath) + "/a.2",
                              R"({"series":{"count":2,"lastObservedTime":"2026-11-20T21:00:01.000005Z"}})",
                              {{"content-type", "application/strategic-merge-patch+json"}});
  CHECK(series.status == 200);
  CHECK(TextAt(JsonOf(series), {"regarding", "name"}) == "a");

  const api::Json core = JsonOf(box.Ask("GET", std::string(kCorePath) + "/a.2"));
  CHECK(TextAt(core, {"apiVersion"}) == "v1");
  CHECK(TextAt(core, {"message"}) == "to 3");
  CHECK(TextAt(core, {"involvedObject", "name"}) == "a");
  CHECK(TextAt(core, {"reportingComponent"}) == "shop.example.com/widgets");
  CHECK(TextAt(core, {"eventTime"}) == "2026-11-20T22:00:00.000005Z");
  CHECK(TextAt(core, {"series", "lastObservedTime"}) == "2026-11-20T21:00:01.000005Z");
}

TEST_CASE("[D-01] events: the classic recorder posts JSON to the core group and counts by strategic merge") {
  EventBox box;
  REQUIRE(box.Ask("POST", kCorePath, kCore).status == 201);
  const auto counted = box.Ask("PATCH", std::string(kCorePath) + "/a.1",
                               R"({"count":3,"lastTimestamp":"2026-11-20T20:59:00Z","message":"again"})",
                               {{"content-type", "application/strategic-merge-patch+json"}});
  CHECK(counted.status == 200);
  const api::Json event = JsonOf(box.Ask("GET", std::string(kEventsPath) + "/a.1"));
  CHECK(TextAt(event, {"deprecatedCount"}) == "3");
  CHECK(TextAt(event, {"deprecatedLastTimestamp"}) == "2026-11-20T20:59:00Z");
  CHECK(TextAt(event, {"note"}) == "again");
}

TEST_CASE("[D-01] events: each way to write one works in events.k8s.io's spelling") {
  EventBox box;
  REQUIRE(box.Ask("POST", kEventsPath, kEvents).status == 201);
  CHECK(box.Ask("POST", kCorePath, kCore).status == 409);  // It is the same event.
  const std::string path = std::string(kEventsPath) + "/a.1";
  const auto patched =
      box.Ask("PATCH", path,
              R"([{"op":"test","path":"/note","value":"m"},{"op":"replace","path":"/regarding/name","value":"b"},)"
              R"({"op":"copy","from":"/regarding/name","path":"/note"}])",
              {{"content-type", "application/json-patch+json"}});
  REQUIRE(patched.status == 200);
  api::Json event = JsonOf(patched);
  CHECK(TextAt(event, {"regarding", "name"}) == "b");
  CHECK(TextAt(event, {"note"}) == "b");

  event["note"] = "put";
  CHECK(TextAt(JsonOf(box.Ask("PUT", path, api::codec::WriteJson(event))), {"note"}) == "put");
  CHECK(TextAt(JsonOf(box.Ask("GET", std::string(kCorePath) + "/a.1")), {"message"}) == "put");
  CHECK(box.Ask("PUT", path, api::codec::WriteJson(event)).status == 409);
  CHECK(box.Ask("PUT", path, kCore).status == 400);  // The other spelling, said to be of this group.

  CHECK(box.Ask("PATCH", path, "[1]", {{"content-type", "application/json-patch+json"}}).status == 400);
  CHECK(box.Ask("PATCH", path, "{}", {{"content-type", "application/json-patch+json"}}).status == 400);
  CHECK(box.Ask("DELETE", path).status == 200);
  CHECK(box.Ask("GET", std::string(kCorePath) + "/a.1").status == 404);
}
