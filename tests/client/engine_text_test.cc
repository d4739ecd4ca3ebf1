#include "client/engine_text.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/codec/text.h"

using api::Json;

namespace {

Json Parse(const std::string& text) { return *api::codec::ParseJson(text); }

const api::Time kNow = *api::codec::ParseTime("2026-11-20T21:01:01Z");

}  // namespace

TEST_CASE("[CTL] a history reads: when, who, why, what was done, what comes next") {
  const auto text = client::FormatHistory(
      Parse(
          R"({"kind":"History","passes":[)"
          R"({"began":"2026-11-20T20:58:51.000000Z","causes":["spec changed","/etc/passwd changed"],"controller":"user",)"
          R"("failures":"write keys: no space","nextIn":"350ms","outcome":"retry","repeated":0,"rounds":2,"took":"61ms",)"
          R"("steps":[{"state":"done","step":"create account alice: is missing","took":"52ms"},)"
          R"({"message":"no space","reason":"DiskFull","state":"failed","step":"write keys a: is missing","took":"1ms"},)"
          R"({"state":"skipped","step":"make home a: is missing"}]},)"
          R"({"began":"2026-11-20T21:00:51.000000Z","causes":["its turn"],"controller":"user","failures":"","nextIn":"10m",)"
          R"("outcome":"done","repeated":1,"rounds":0,"took":"2ms","steps":[]}]})"),
      kNow);
  REQUIRE(text);
  CHECK(*text ==
        "2026-11-20T20:58:51.000000Z (2m10s ago)  user: retry in 61ms, 2 rounds\n"
        "  woken by spec changed, /etc/passwd changed\n"
        "  done     create account alice: is missing (52ms)\n"
        "  failed   write keys a: is missing (1ms): DiskFull: no space\n"
        "  skipped  make home a: is missing\n"
        "  because write keys: no space\n"
        "  looked at again within 350ms\n"
        "\n"
        "2026-11-20T21:00:51.000000Z (10s ago)  user: done in 2ms\n"
        "  woken by its turn\n"
        "  and 1 pass after it found nothing to do\n"
        "  looked at again within 10m\n");
  CHECK(*client::FormatHistory(Parse(R"({"passes":[]})"), kNow) == "");
  CHECK_FALSE(client::FormatHistory(Parse("{}"), kNow));
}

TEST_CASE("[CTL] queues read as one table") {
  const Json queue = Parse(
      R"({"controllers":[{"controller":"team","keys":[]},{"controller":"user","keys":[)"
      R"({"age":"9m57s145ms","failures":3,"object":"alice","priority":"low","readyIn":"350ms","state":"waiting"},)"
      R"({"age":"1ms","failures":0,"object":"bob","priority":"normal","state":"ready"}]}]})");
  CHECK(*client::FormatQueue(queue, true) ==
        "CONTROLLER   OBJECT   STATE     PRIORITY   AGE     READY IN   FAILURES\n"
        "user         alice    waiting   low        9m57s   350ms      3\n"
        "user         bob      ready     normal     1ms     <none>     0\n");
  CHECK(*client::FormatQueue(Parse(R"({"controllers":[{"controller":"team","keys":[]}]})"), true) == "");
  CHECK_FALSE(client::FormatQueue(Parse("[]"), true));
}

TEST_CASE("[SEC-57][CTL] what objects are called cannot write to the terminal") {
  const auto text = client::FormatHistory(
      Parse(
          R"({"passes":[{"controller":"user","outcome":"done","causes":["\u001b[2J"],"steps":[{"step":"\u0007"}]}]})"),
      kNow);
  REQUIRE(text);
  CHECK(text->find_first_of("\x1b\x07") == std::string::npos);
}
