#include "server/event_table.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace tests;

namespace {

constexpr api::Time kNow{std::chrono::seconds(1'795'208'331)};  // 2026-11-20T20:58:51Z

std::string CellsOf(const char* event) {
  return api::codec::WriteJson(server::EventCells(*api::codec::ParseJson(event), kNow));
}

}  // namespace

TEST_CASE("[WIRE] events have Kubernetes' columns, their name last") {
  const api::Json columns = server::EventColumns();
  std::string names;
  for (const api::Json& column : *columns.array()) {
    names += TextAt(column, {"name"}) + (TextAt(column, {"priority"}) == "1" ? "*, " : ", ");
    CHECK(TextAt(column, {"type"}) == "string");
    CHECK(TextAt(column, {"format"}) == "");
  }
  CHECK(names == "Last Seen, Type, Reason, Object, Subobject*, Source*, Message, First Seen*, Count*, Name*, ");
}

TEST_CASE("[WIRE] an event's cells are made of what it has") {
  CHECK(
      CellsOf(
          R"({"metadata":{"name":"a.1"},"type":"Warning","reason":"Failed","message":"it did ","count":3,)"
          R"("involvedObject":{"kind":"Slot","name":"a","fieldPath":"spec.size"},"source":{"component":"slot","host":"vm"},)"
          R"("firstTimestamp":"2026-11-20T20:48:51Z","lastTimestamp":"2026-11-20T20:58:46Z"})") ==
      R"(["5s","Warning","Failed","slot/a","spec.size","slot, vm","it did","10m",3,"a.1"])");
  // The newer recorder's: a time of its own, no counter.
  CHECK(
      CellsOf(
          R"({"metadata":{"name":"a.2"},"type":"Normal","reason":"Made","message":"m","involvedObject":{"kind":"Slot"},)"
          R"("reportingComponent":"hero.dev/slot","reportingInstance":"vm","eventTime":"2026-11-20T20:58:41.000000Z"})") ==
      R"(["10s","Normal","Made","slot","","hero.dev/slot, vm","m","10s",1,"a.2"])");
  CHECK(CellsOf(R"({"metadata":{"name":"a.3"},"eventTime":"2026-11-20T20:58:41.000000Z","firstTimestamp":null,)"
                R"("series":{"count":7,"lastObservedTime":"2026-11-20T20:58:50.000000Z"}})") ==
        R"(["1s","","","","","","","10s",7,"a.3"])");
  CHECK(CellsOf("{}") == R"(["<unknown>","","","","","","","<unknown>",1,""])");
}

TEST_CASE("[WIRE] a list of events as a table is that of Kubernetes") {
  ApiBox box;
  REQUIRE(box.Ask("POST", "/api/v1/namespaces/default/events",
                  R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"reason":"Made","type":"Normal",)"
                  R"("involvedObject":{"kind":"User","name":"alice"},"lastTimestamp":"2026-11-20T20:58:51Z"})")
              .status == 201);
  box.clock.Advance(std::chrono::seconds(7));
  const api::Json table =
      JsonOf(box.Ask("GET", "/api/v1/events", "", {{"accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}}));
  CHECK(TextAt(table.Find("columnDefinitions")->array()->front(), {"name"}) == "Last Seen");
  const api::Json& row = table.Find("rows")->array()->front();
  CHECK(TextAt(row, {"cells"}) == R"(["7s","Normal","Made","user/alice","","","","<unknown>",1,"e"])");
  CHECK(TextAt(row, {"object", "metadata", "name"}) == "e");
}
