#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;
using namespace std::chrono_literals;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/default/slots";
const std::vector<Header> kMerge{{"content-type", "application/merge-patch+json"}};

std::string Slot(const std::string& name, const std::string& labels = "{}") {
  return R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + name + R"(","labels":)" + labels + "}}";
}

/// One pull of a stream, read: each frame as `TYPE name@version`.
std::string Pulled(ChunkSource& stream) {
  const Chunk chunk = stream.Pull();
  std::string text;
  std::size_t begin = 0;
  for (std::size_t end = chunk.bytes.find('\n'); end != std::string::npos; end = chunk.bytes.find('\n', begin)) {
    const auto frame = api::codec::ParseJson(chunk.bytes.substr(begin, end - begin));
    REQUIRE(frame);
    begin = end + 1;
    if (!text.empty()) text += ", ";
    text += TextAt(*frame, {"type"}) + " ";
    if (TextAt(*frame, {"type"}) == "ERROR")
      text += TextAt(*frame, {"object", "reason"}) + ": " + TextAt(*frame, {"object", "message"});
    else
      text += (TextAt(*frame, {"type"}) == "BOOKMARK" ? "" : TextAt(*frame, {"object", "metadata", "name"})) + "@" +
              TextAt(*frame, {"object", "metadata", "resourceVersion"});
  }
  CHECK(begin == chunk.bytes.size());  // Whole lines only.
  if (chunk.is_last) text += text.empty() ? "end" : ", end";
  return text;
}

std::unique_ptr<ChunkSource> Watch(ApiBox& box, const std::string& query, const std::vector<Header>& headers = {}) {
  auto response = box.Ask("GET", std::string(kSlots) + "?watch=true" + query, "", headers);
  REQUIRE(response.status == 200);
  REQUIRE(response.stream);
  CHECK(HeaderOf(response, "Content-Type") == "application/json");
  return std::move(response.stream);
}

}  // namespace

TEST_CASE("[WIRE] a watch begins with what there is, then tells every change in order") {
  ApiBox box;
  box.Ask("POST", kSlots, Slot("b"));
  box.Ask("POST", kSlots, Slot("a"));
  const auto from_nothing = Watch(box, "");
  const auto from_zero = Watch(box, "&resourceVersion=0");
  const auto from_one = Watch(box, "&resourceVersion=1");
  CHECK(Pulled(*from_nothing) == "ADDED a@2, ADDED b@1");
  CHECK(Pulled(*from_zero) == "ADDED a@2, ADDED b@1");
  CHECK(Pulled(*from_one) == "ADDED a@2");
  CHECK(Pulled(*from_one) == "");
  box.Ask("PATCH", std::string(kSlots) + "/a", R"({"spec":{"size":2}})", kMerge);
  box.Ask("POST", "/apis/hero.dev/v1/namespaces/other/slots", Slot("c"));  // Another namespace.
  box.Ask("POST", "/apis/hero.dev/v1/users", R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":"u"}})");
  box.Ask("DELETE", std::string(kSlots) + "/b");
  // The version of a deletion is that of the deletion, not of the last write.
  for (const auto* stream : {&from_nothing, &from_zero, &from_one})
    CHECK(Pulled(**stream) == "MODIFIED a@3, DELETED b@6");
}

TEST_CASE("[WIRE] a streamed list is what there is, a bookmark that says so, then every change") {
  ApiBox box;
  box.Ask("POST", kSlots, Slot("b", R"({"grp":"m"})"));
  box.Ask("POST", kSlots, Slot("a"));
  box.Ask("POST", kSlots, Slot("c", R"({"grp":"m"})"));
  const std::string streamed = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  const auto all = Watch(box, streamed + "&allowWatchBookmarks=true");
  const auto chosen = Watch(box, streamed + "&allowWatchBookmarks=true&labelSelector=grp%3Dm");
  const auto again = Watch(box, streamed + "&allowWatchBookmarks=true&resourceVersion=2");
  const auto unmarked = Watch(box, streamed);
  const auto none = Watch(box, "&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
  box.Ask("DELETE", std::string(kSlots) + "/b");  // Comes after the mark, though it was there before the first pull.
  CHECK(Pulled(*all) == "ADDED a@2, ADDED b@1, ADDED c@3, BOOKMARK @3, DELETED b@4");
  CHECK(Pulled(*chosen) == "ADDED b@1, ADDED c@3, BOOKMARK @3, DELETED b@4");
  CHECK(Pulled(*again) == "ADDED a@2, ADDED b@1, ADDED c@3, BOOKMARK @3, DELETED b@4");
  CHECK(Pulled(*unmarked) == "ADDED a@2, ADDED b@1, ADDED c@3, DELETED b@4");  // Bookmarks are for those who asked.
  CHECK(Pulled(*none) == "DELETED b@4");
  CHECK(Pulled(*all) == "");

  const auto from_future = box.Ask("GET", std::string(kSlots) + "?watch=1&resourceVersion=99" + streamed);
  CHECK(from_future.status == 504);
}

TEST_CASE("[WIRE] the bookmark that ends a streamed list carries the mark in the form that was asked for") {
  ApiBox box;
  const std::string query =
      "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=434";
  CHECK(
      Watch(box, query)->Pull().bytes ==
      R"({"object":{"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"annotations":{"k8s.io/initial-events-end":"true"},)"
      R"("resourceVersion":"0"}},"type":"BOOKMARK"})"
      "\n");
  const std::string bytes =
      Watch(box, query, {{"accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}})->Pull().bytes;
  const auto table = api::codec::ParseJson(bytes.substr(0, bytes.size() - 1));
  REQUIRE(table);
  CHECK(TextAt(*table, {"object", "kind"}) == "Table");
  CHECK(TextAt(*table, {"object", "metadata", "resourceVersion"}) == "0");
  REQUIRE(table->At({"object", "rows"})->size() == 1);
  CHECK(TextAt(table->At({"object", "rows"})->array()->front(), {"object", "metadata", "annotations"}) ==
        R"({"k8s.io/initial-events-end":"true"})");
}

TEST_CASE("[WIRE] a watcher is told when there is something to say") {
  ApiBox box;
  const auto stream = Watch(box, "");
  CHECK(Pulled(*stream) == "");
  int told = 0;
  stream->SetNotify([&] { ++told; });
  CHECK(told == 0);
  box.Ask("POST", kSlots, Slot("a"));
  CHECK(told == 1);
  stream->SetNotify({});
  box.Ask("POST", kSlots, Slot("b"));
  CHECK(told == 1);
}

TEST_CASE("[WIRE] leaving the selection is a deletion with the state before, entering it is an addition") {
  ApiBox box;
  box.Ask("POST", kSlots, Slot("a", R"({"grp":"m"})"));
  const auto stream = Watch(box, "&resourceVersion=1&labelSelector=grp%3Dm");
  box.Ask("PATCH", std::string(kSlots) + "/a", R"({"metadata":{"labels":{"grp":"x"}}})", kMerge);
  const Chunk left = stream->Pull();
  const auto frame = api::codec::ParseJson(left.bytes.substr(0, left.bytes.size() - 1));
  REQUIRE(frame);
  CHECK(TextAt(*frame, {"type"}) == "DELETED");
  CHECK(TextAt(*frame, {"object", "metadata", "labels"}) == R"({"grp":"m"})");
  CHECK(TextAt(*frame, {"object", "metadata", "resourceVersion"}) == "2");
  box.Ask("PATCH", std::string(kSlots) + "/a", R"({"spec":{"size":2}})", kMerge);  // Outside: nobody's business.
  CHECK(Pulled(*stream) == "");
  box.Ask("PATCH", std::string(kSlots) + "/a", R"({"metadata":{"labels":{"grp":"m"}}})", kMerge);
  CHECK(Pulled(*stream) == "ADDED a@4");
  box.Ask("DELETE", std::string(kSlots) + "/a");
  CHECK(Pulled(*stream) == "DELETED a@5");
}

TEST_CASE("[WIRE] a field selector follows one object") {
  ApiBox box;
  box.Ask("POST", kSlots, Slot("a"));
  const auto stream = Watch(box, "&resourceVersion=0&fieldSelector=metadata.name%3Da");
  box.Ask("POST", kSlots, Slot("b"));
  box.Ask("DELETE", std::string(kSlots) + "/a");
  CHECK(Pulled(*stream) == "ADDED a@1, DELETED a@3");
}

TEST_CASE("[WIRE] a write that changes nothing is no event") {
  ApiBox box;
  box.Ask("POST", kSlots, Slot("a"));
  const auto stream = Watch(box, "&resourceVersion=1");
  box.Ask("PATCH", std::string(kSlots) + "/a", "{}", kMerge);
  box.Ask("PATCH", std::string(kSlots) + "/a?dryRun=All", R"({"spec":{"size":2}})", kMerge);
  CHECK(Pulled(*stream) == "");
}

TEST_CASE("[WIRE] a version whose history is gone is one ERROR frame and the end") {
  ApiBox box({.path = ":memory:", .history_max = 2, .watch_queue_max = 4});
  for (const char* const name : {"a", "b", "c", "d"}) box.Ask("POST", kSlots, Slot(name));
  CHECK(Pulled(*Watch(box, "&resourceVersion=1")) == "ERROR Expired: too old resource version: 1 (3), end");
}

TEST_CASE("[WIRE] a watcher that falls too far behind is told to list again") {
  ApiBox box({.path = ":memory:", .history_max = 2, .watch_queue_max = 4});
  const auto stream = Watch(box, "");
  for (const char* const name : {"a", "b", "c", "d", "e"}) box.Ask("POST", kSlots, Slot(name));
  const std::string said = Pulled(*stream);
  CHECK(said.starts_with("ERROR Expired: "));
  CHECK(said.ends_with(", end"));
}

TEST_CASE("[SEC-54] a watch that selects nothing lets others be served between its looks") {
  ApiBox box;
  for (int i = 0; i < 450; ++i) box.Ask("POST", kSlots, Slot("a" + std::to_string(i)));
  const auto stream = Watch(box, "&fieldSelector=metadata.name=none");
  for (int i = 0; i < 2; ++i) {
    const Chunk chunk = stream->Pull();
    CHECK(chunk.bytes == "");
    CHECK(chunk.wake_after == 0s);
  }
  CHECK(stream->Pull().wake_after > 0s);  // All were looked at.
}

TEST_CASE("[WIRE] a stream ends after its time, bookmarks come to those who asked") {
  ApiBox box;
  box.Ask("POST", kSlots, Slot("a"));
  const auto plain = Watch(box, "&resourceVersion=1&timeoutSeconds=100");
  const auto marked = Watch(box, "&resourceVersion=1&timeoutSeconds=100&allowWatchBookmarks=true");
  Chunk chunk = marked->Pull();
  CHECK(chunk.bytes == "");
  CHECK(chunk.wake_after == 60s);
  CHECK(plain->Pull().wake_after == 100s);
  box.Ask("POST", "/apis/hero.dev/v1/namespaces/other/slots", Slot("b"));  // Seen, though not for this watch.
  box.clock.Advance(60s);
  chunk = marked->Pull();
  CHECK(
      chunk.bytes ==
      "{\"object\":{\"apiVersion\":\"hero.dev/v1\",\"kind\":\"Slot\",\"metadata\":{\"resourceVersion\":\"2\"}},\"type\":\"BOOKMARK\"}\n");
  CHECK(chunk.wake_after == 38s);  // Shortly before the end once more.
  box.clock.Advance(38s);
  CHECK(Pulled(*marked) == "BOOKMARK @2");
  CHECK(Pulled(*plain) == "");
  box.clock.Advance(2s);
  CHECK(Pulled(*plain) == "end");
  CHECK(Pulled(*marked) == "end");
}

TEST_CASE("[WIRE] a watch as tables has its columns in the first frame alone") {
  ApiBox box;
  box.Ask("POST", kSlots, Slot("a"));
  const auto stream = Watch(box, "&resourceVersion=0", {{"accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}});
  box.Ask("POST", kSlots, Slot("b"));
  const std::string bytes = stream->Pull().bytes;
  const std::size_t newline = bytes.find('\n');
  const auto first = api::codec::ParseJson(bytes.substr(0, newline));
  const auto second = api::codec::ParseJson(bytes.substr(newline + 1, bytes.size() - newline - 2));
  REQUIRE(first);
  REQUIRE(second);
  CHECK(TextAt(*first, {"object", "kind"}) == "Table");
  CHECK(first->At({"object", "columnDefinitions"})->size() == 4);
  CHECK(TextAt(*first, {"object", "metadata", "resourceVersion"}) == "1");
  CHECK(TextAt(*second, {"object", "columnDefinitions"}) == "null");
  CHECK(TextAt(second->At({"object", "rows"})->array()->front(), {"cells"}) == R"(["b",null,null,"0s"])");
}

TEST_CASE("[WIRE] a long beginning comes in chunks, nothing twice") {
  ApiBox box;
  const std::string big(20'000, 'x');
  for (const char* const name : {"a", "b", "c", "d", "e", "f"})
    box.Ask("POST", "/apis/hero.dev/v1/users",
            R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":")" + std::string(name) +
                R"("},"spec":{"big":")" + big + "\"}}");
  auto response = box.Ask("GET", "/apis/hero.dev/v1/users?watch=1&allowWatchBookmarks=true");
  box.clock.Advance(std::chrono::minutes(2));  // A bookmark is due, but not before everything was said.
  CHECK(Pulled(*response.stream) == "ADDED a@1, ADDED b@2, ADDED c@3, ADDED d@4");
  CHECK(Pulled(*response.stream) == "ADDED e@5, ADDED f@6, BOOKMARK @6");
}

TEST_CASE("[SEC-46] a watch ends at its time, though its chunks are full") {
  ApiBox box;
  const std::string big(20'000, 'x');
  for (const char* const name : {"a", "b", "c", "d", "e", "f", "g", "h"})
    box.Ask("POST", "/apis/hero.dev/v1/users",
            R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":")" + std::string(name) +
                R"("},"spec":{"big":")" + big + "\"}}");
  auto response = box.Ask("GET", "/apis/hero.dev/v1/users?watch=1&timeoutSeconds=1");
  CHECK(Pulled(*response.stream) == "ADDED a@1, ADDED b@2, ADDED c@3, ADDED d@4");
  box.clock.Advance(1s);
  CHECK(Pulled(*response.stream) == "ADDED e@5, ADDED f@6, ADDED g@7, ADDED h@8, end");
}
