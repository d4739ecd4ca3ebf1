#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

const std::string kSlots = "/apis/hero.dev/v1/namespaces/default/slots";

struct DeleteBox : ApiBox {
  DeleteBox() {
    for (const char* const name : {"a", "b", "c"})
      REQUIRE(Ask("POST", kSlots,
                  std::string(R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")") + name +
                      R"(","labels":{"set":")" + (*name == 'c' ? "two" : "one") + R"("}},"spec":{"size":3}})")
                  .status == 201);
  }
  /// The names in a list, `a b`.
  static std::string Names(const Response& response) {
    std::string names;
    const api::Json list = JsonOf(response);
    const api::Json* items = list.Find("items");
    REQUIRE(items);
    for (const api::Json& item : *items->array())
      names += (names.empty() ? "" : " ") + TextAt(item, {"metadata", "name"});
    return names;
  }
  std::string Left() { return Names(Ask("GET", kSlots)); }
};

}  // namespace

TEST_CASE("[WIRE] a DELETE of a collection deletes what its selectors match, and answers with it as a list") {
  DeleteBox box;
  const auto deleted = box.Ask("DELETE", kSlots + "?labelSelector=set%3Done");
  CHECK(deleted.status == 200);
  CHECK(DeleteBox::Names(deleted) == "a b");
  CHECK(TextAt(JsonOf(deleted), {"kind"}) == "SlotList");
  CHECK(TextAt(JsonOf(deleted), {"apiVersion"}) == "hero.dev/v1");
  CHECK(TextAt(JsonOf(deleted).Find("items")->array()->front(), {"kind"}) == "Slot");
  CHECK(box.Left() == "c");
  CHECK(DeleteBox::Names(box.Ask("DELETE", kSlots + "?fieldSelector=metadata.name%3Dx")).empty());
  CHECK(DeleteBox::Names(box.Ask("DELETE", kSlots, R"({"propagationPolicy":"Background"})")) == "c");
  CHECK(box.Left().empty());
}

TEST_CASE("[WIRE] a DELETE of a collection keeps to its options, and refuses what is wrong before anything goes") {
  DeleteBox box;
  CHECK(DeleteBox::Names(box.Ask("DELETE", kSlots + "?dryRun=All")) == "a b c");
  CHECK(box.Ask("DELETE", kSlots + "?labelSelector=%3D%3D").status == 400);
  CHECK(box.Ask("DELETE", kSlots + "?limit=x").status == 400);
  CHECK(box.Ask("DELETE", kSlots + "?propagationPolicy=Maybe").status == 422);
  CHECK(box.Ask("DELETE", "/apis/hero.dev/v1/slots").status == 404);
  CHECK(box.Left() == "a b c");
  CHECK(DeleteBox::Names(box.Ask("DELETE", kSlots + "?limit=1")) == "a");
  CHECK(box.Left() == "b c");
  box.caller = {.uid = 1001, .gid = 1001, .name = "alice"};
  CHECK(box.Ask("DELETE", kSlots).status == 403);
  CHECK(box.Left() == "b c");
}

TEST_CASE("[WIRE] the policy of a delete is kept as a finalizer, from the body, the query or the old option") {
  struct Row {
    std::string parameters;
    std::string body;
    std::string finalizers;
  };
  const Row rows[] = {
      {"?propagationPolicy=Foreground", "", R"(["foregroundDeletion"])"},
      {"", R"({"propagationPolicy":"Orphan"})", R"(["orphan"])"},
      {"?propagationPolicy=Orphan", R"({"propagationPolicy":"Foreground"})", R"(["foregroundDeletion"])"},
      {"?orphanDependents=true", "", R"(["orphan"])"},
      {"", R"({"orphanDependents":true})", R"(["orphan"])"},
      {"", R"({"orphanDependents":false,"gracePeriodSeconds":0})", ""},
      {"?propagationPolicy=Background", "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.parameters + row.body);
    DeleteBox box;
    const auto deleted = box.Ask("DELETE", kSlots + "/a" + row.parameters, row.body);
    CHECK(deleted.status == 200);
    const bool stays = !row.finalizers.empty();
    CHECK(TextAt(JsonOf(deleted), {"kind"}) == (stays ? "Slot" : "Status"));
    CHECK(TextAt(JsonOf(deleted), {"metadata", "finalizers"}) == (stays ? row.finalizers : "(none)"));
    if (stays) CHECK(box.Ask("DELETE", kSlots + "/a").body == deleted.body);
  }
}
