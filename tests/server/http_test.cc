#include "server/http.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace server;

TEST_CASE("[WIRE] a target becomes segments and parameters") {
  struct Row {
    const char* text;
    std::vector<std::string> segments;
  };
  const Row rows[] = {
      {"/", {}},
      {"/version/", {"version"}},
      {"/apis/hero.dev/v1/slots", {"apis", "hero.dev", "v1", "slots"}},
      {"/api/v1/namespaces/a%20b/events?x=1", {"api", "v1", "namespaces", "a b", "events"}},
      {"/a/%C3%A9", {"a", "\xc3\xa9"}},
      {"/a/b.c..d", {"a", "b.c..d"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto target = ParseTarget(row.text);
    REQUIRE(target);
    CHECK(target->segments == row.segments);
  }
}

TEST_CASE("[SEC-30] a path that could mean two things is refused") {
  const char* const tricks[] = {
      "",
      "apis",
      "*",
      "http://x/apis",
      "//",
      "//apis",
      "/apis//slots",
      "/apis//",
      "/..",
      "/apis/../x",
      "/apis/.",
      "/apis/./x",
      "/%2e%2e/x",
      "/%2E",
      "/a%2fb",
      "/a%2Fb",
      "/a%5cb",
      "/a\\b",
      "/a%00",
      "/a%0d%0ab",
      "/a%7f",
      "/a%",
      "/a%4",
      "/a%zz",
      "/%ff",
      "/x?a=%0a",
      "/x?a=%e",
      "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q",
  };
  for (const char* const text : tricks) {
    CAPTURE(text);
    const auto target = ParseTarget(text);
    REQUIRE_FALSE(target);
    CHECK(target.error().reason == "BadRequest");
  }
}

TEST_CASE("[WIRE] of a parameter given twice the first counts, plus is a blank") {
  const auto target = ParseTarget("/x?a=1&a=2&b=c+d%2Be&&c&=e");
  REQUIRE(target);
  CHECK(target->query.Get("a") == "1");
  CHECK(target->query.Get("b") == "c d+e");
  CHECK(target->query.Has("c"));
  CHECK(target->query.Get("c") == "");
  CHECK_FALSE(target->query.Has("d"));
}

TEST_CASE("[WIRE] booleans are false when absent, 0 or false, and true otherwise") {
  struct Row {
    const char* query;
    bool is_true;
  };
  const Row rows[] = {{"", false},       {"watch=0", false},   {"watch=false", false}, {"watch=FALSE", false},
                      {"watch=1", true}, {"watch=true", true}, {"watch=True", true},   {"watch", true},
                      {"watch=", true},  {"watch=no", true}};
  for (const Row& row : rows) {
    CAPTURE(row.query);
    CHECK(ParseTarget(std::string("/x?") + row.query)->query.IsTrue("watch") == row.is_true);
  }
}

TEST_CASE("[WIRE] headers are found by their name, the media type without parameters") {
  const Request request{
      .headers = {{"content-type", "Application/JSON ; charset=utf-8"}, {"accept", "a"}, {"accept", "b"}}};
  CHECK(request.Find("accept") == "a");
  CHECK(request.Find("host") == "");
  CHECK(request.MediaType() == "application/json");
  CHECK(Request{}.MediaType() == "");
}

TEST_CASE("[SEC-57] a header's value cannot start another header") {
  Response response{.status = 201, .body = "four"};
  response.With("Warning", "299 - \"a\r\nSet-Cookie: b\"");
  CHECK(FormatHead(response, Framing::kLength, true) ==
        "HTTP/1.1 201 Created\r\nWarning: 299 - \"a??Set-Cookie: b\"\r\nContent-Length: 4\r\n\r\n");
  CHECK(FormatHead({.status = 200}, Framing::kChunked, false) ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  // A length would be taken for that of the document, which the client keeps.
  CHECK(FormatHead({.status = 304}, Framing::kLength, true) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  CHECK(FormatHead({.status = 200}, Framing::kUntilClose, false) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}
