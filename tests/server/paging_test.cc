#include "server/paging.h"

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/slots";

void Create(ApiBox& box, const std::string& namespace_, const std::string& name, const std::string& labels = "{}") {
  REQUIRE(box.Ask("POST", "/apis/hero.dev/v1/namespaces/" + namespace_ + "/slots",
                  R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + name + R"(","labels":)" +
                      labels + R"(},"spec":{"size":1}})")
              .status == 201);
}

void Resize(ApiBox& box, const std::string& namespace_, const std::string& name) {
  REQUIRE(box.Ask("PATCH", "/apis/hero.dev/v1/namespaces/" + namespace_ + "/slots/" + name, R"({"spec":{"size":9}})",
                  {{"content-type", "application/merge-patch+json"}})
              .status == 200);
}

/// `namespace/name:size` of every item, joined by blanks.
std::string Items(const Response& response) {
  std::string items;
  const api::Json json = JsonOf(response);
  const api::Json* list = json.Find("items");
  REQUIRE_MESSAGE(list, response.body);
  for (const api::Json& item : *list->array())
    items += (items.empty() ? "" : " ") + TextAt(item, {"metadata", "namespace"}) + "/" +
             TextAt(item, {"metadata", "name"}) + ":" + TextAt(item, {"spec", "size"});
  return items;
}

std::string TokenOf(const Response& response) { return TextAt(JsonOf(response), {"metadata", "continue"}); }

Response Page(ApiBox& box, const std::string& query, const std::string& token) {
  return box.Ask("GET", std::string(kSlots) + "?" + query + "&continue=" + token);
}

std::string Message(const Response& response) { return TextAt(JsonOf(response), {"message"}); }

}  // namespace

TEST_CASE("[WIRE] a list comes in pages of at most limit objects, and says how many are left") {
  ApiBox box;
  for (const char* name : {"c", "a", "b"}) Create(box, "alice", name);
  Create(box, "bob", "a");
  const auto first = box.Ask("GET", std::string(kSlots) + "?limit=2");
  CHECK(Items(first) == "alice/a:1 alice/b:1");
  CHECK(TextAt(JsonOf(first), {"metadata", "remainingItemCount"}) == "2");
  const auto second = Page(box, "limit=1", TokenOf(first));
  CHECK(Items(second) == "alice/c:1");
  CHECK(TextAt(JsonOf(second), {"metadata", "remainingItemCount"}) == "1");
  const auto third = Page(box, "limit=1", TokenOf(second));
  CHECK(Items(third) == "bob/a:1");
  CHECK(TokenOf(third) == "");
  CHECK(TextAt(JsonOf(third), {"metadata", "remainingItemCount"}) == "(none)");
  CHECK(Items(box.Ask("GET", std::string(kSlots) + "?limit=4")) == "alice/a:1 alice/b:1 alice/c:1 bob/a:1");
  CHECK(TokenOf(box.Ask("GET", std::string(kSlots) + "?limit=4")) == "");
  CHECK(TokenOf(box.Ask("GET", std::string(kSlots) + "?limit=0")) == "");
}

TEST_CASE("[WIRE] all pages show the moment of the first, whatever is written between them") {
  ApiBox box;
  for (const char* name : {"a", "b", "c", "d", "e"}) Create(box, "alice", name);
  const auto first = box.Ask("GET", std::string(kSlots) + "?limit=1");
  const std::string version = TextAt(JsonOf(first), {"metadata", "resourceVersion"});
  Resize(box, "alice", "b");
  Resize(box, "alice", "b");
  REQUIRE(box.Ask("DELETE", "/apis/hero.dev/v1/namespaces/alice/slots/c").status == 200);
  REQUIRE(box.Ask("DELETE", "/apis/hero.dev/v1/namespaces/alice/slots/d").status == 200);
  Create(box, "alice", "d");
  Create(box, "alice", "bb");
  Create(box, "bob", "z");
  REQUIRE(box.Ask("DELETE", "/apis/hero.dev/v1/namespaces/bob/slots/z").status == 200);
  const auto rest = Page(box, "limit=500", TokenOf(first));
  CHECK(Items(rest) == "alice/b:1 alice/c:1 alice/d:1 alice/e:1");
  CHECK(TextAt(JsonOf(rest), {"metadata", "resourceVersion"}) == version);
  CHECK(Items(box.Ask("GET", kSlots)) == "alice/a:1 alice/b:9 alice/bb:1 alice/d:1 alice/e:1");
}

TEST_CASE("[WIRE] pages keep to their namespace and selector, and then do not count what is left") {
  ApiBox box;
  for (const char* name : {"a", "b", "c"}) Create(box, "alice", name, R"({"tier":"web"})");
  Create(box, "alice", "bb");
  Create(box, "bob", "a", R"({"tier":"web"})");
  const std::string path = "/apis/hero.dev/v1/namespaces/alice/slots?labelSelector=tier%3Dweb&limit=2";
  const auto first = box.Ask("GET", path);
  CHECK(Items(first) == "alice/a:1 alice/b:1");
  CHECK(TextAt(JsonOf(first), {"metadata", "remainingItemCount"}) == "(none)");
  Create(box, "bob", "c", R"({"tier":"web"})");
  const auto second = box.Ask("GET", path + "&continue=" + TokenOf(first));
  CHECK(Items(second) == "alice/c:1");
  CHECK(TokenOf(second) == "");
}

TEST_CASE("[WIRE] a table comes in pages too") {
  ApiBox box;
  for (const char* name : {"a", "b"}) Create(box, "alice", name);
  const auto table = box.Ask("GET", std::string(kSlots) + "?limit=1", "",
                             {{"accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}});
  CHECK(JsonOf(table).Find("rows")->size() == 1);
  CHECK(TextAt(JsonOf(table), {"metadata", "remainingItemCount"}) == "1");
  CHECK(Items(Page(box, "limit=1", TokenOf(table))) == "alice/b:1");
}

TEST_CASE("[WIRE] a page whose moment is forgotten is 410, and says to begin anew") {
  ApiBox box({.path = ":memory:", .history_max = 3});
  for (const char* name : {"a", "b", "c"}) Create(box, "alice", name);
  const auto first = box.Ask("GET", std::string(kSlots) + "?limit=1");
  for (int i = 0; i < 3; ++i) Create(box, "bob", "x" + std::to_string(i));
  CHECK(Items(Page(box, "limit=1", TokenOf(first))) == "alice/b:1");
  Create(box, "bob", "y");
  const auto late = Page(box, "limit=1", TokenOf(first));
  CHECK(late.status == 410);
  CHECK(TextAt(JsonOf(late), {"reason"}) == "Expired");
  CHECK(Message(late).ends_with("You can start a new list without the continue parameter."));
}

TEST_CASE("[WIRE] what a continue token goes with, and what none is") {
  ApiBox box;
  for (const char* name : {"a", "b"}) Create(box, "alice", name);
  const std::string token = TokenOf(box.Ask("GET", std::string(kSlots) + "?limit=1"));
  struct Row {
    std::string query;
    int status;
    const char* message;
  };
  const Row rows[] = {
      {"continue=" + token + "&resourceVersion=2", 400,
       "specifying resource version is not allowed when using continue"},
      {"continue=" + token + "&resourceVersionMatch=Exact", 422,
       "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for "
       "continue"},
      {"continue=abc", 400,
       "invalid continue token: send back metadata.continue of the page before as it is, or begin a new list"},
      {"limit=one", 400, "invalid limit \"one\": it must be a whole number"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.query);
    const auto answer = box.Ask("GET", std::string(kSlots) + "?" + row.query);
    CHECK(answer.status == row.status);
    CHECK(Message(answer) == row.message);
  }
  CHECK(Items(Page(box, "resourceVersion=0", token)) == "alice/b:1");
  for (const char* wrong : {"", "1", "1.", "1./", "x./a", "0./a", "-1./a", "1a", "99999999999999999999./a"})
    CHECK_FALSE(ReadPageToken(wrong));
}

TEST_CASE("[WIRE] any version gives everything at once, an exact one gives that moment") {
  ApiBox box;
  for (const char* name : {"a", "b"}) Create(box, "alice", name);
  CHECK(Items(box.Ask("GET", std::string(kSlots) + "?limit=1&resourceVersion=0")) == "alice/a:1 alice/b:1");
  Resize(box, "alice", "a");
  CHECK(Items(box.Ask("GET", std::string(kSlots) + "?resourceVersionMatch=Exact&resourceVersion=1")) == "alice/a:1");
  CHECK(Items(box.Ask("GET", std::string(kSlots) + "?resourceVersionMatch=Exact&resourceVersion=2")) ==
        "alice/a:1 alice/b:1");
  CHECK(box.Ask("GET", std::string(kSlots) + "?resourceVersionMatch=Exact&resourceVersion=9").status == 504);
}
