#include <doctest/doctest.h>

#include "api/codec/text.h"
#include "tests/api/outcome.h"

using namespace api::codec;
using namespace std::chrono_literals;
using api::Time;

namespace {

constexpr Time kMoment =
    std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 20h + 58min + 51s + std::chrono::microseconds(413'890);

}  // namespace

TEST_CASE("[API] time: written as Kubernetes writes it") {
  CHECK(FormatTime(kMoment) == "2026-11-20T20:58:51Z");
  CHECK(FormatMicroTime(kMoment) == "2026-11-20T20:58:51.413890Z");
  CHECK(FormatTime(Time()) == "1970-01-01T00:00:00Z");
  CHECK(FormatMicroTime(Time(-1us)) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("[API] time: any RFC 3339 time is read") {
  struct Row {
    const char* text;
    Time time;
  };
  const Row rows[] = {
      {"2026-11-20T20:58:51.413890Z", kMoment},
      {"2026-11-20T20:58:51.4138909999Z", kMoment},
      {"2026-11-20T22:28:51.41389+01:30", kMoment},
      {"2026-11-20t12:58:51.41389-08:00", kMoment},
      {"1970-01-01T00:00:00z", Time()},
      {"2024-02-29T00:00:00Z", Time(std::chrono::sys_days(std::chrono::year(2024) / 2 / 29))},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto time = ParseTime(row.text);
    REQUIRE(Outcome(time) == "fine");
    CHECK((*time == row.time));
  }
}

TEST_CASE("[API] time: what is no time is refused") {
  for (const std::string text :
       {"", "2026", "2026-11-20", "2026-11-20T20:58:51", "2026-11-20 20:58:51Z", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T20:60:00Z", "2026-11-20T20:58:60Z",
        "2026-11-20T20:58:51.Z", "2026-11-20T20:58:51Zx", "2026-11-20T20:58:51+1:00", "2026-11-20T20:58:51+24:00",
        "+026-11-20T20:58:51Z", "2026-1-020T20:58:51Z"}) {
    CAPTURE(text);
    CHECK(Outcome(ParseTime(text)) == "'" + text + "' is no RFC 3339 time such as 2026-11-20T20:58:51Z");
  }
}

TEST_CASE("[API] durations: Go's form, read and written") {
  struct Row {
    const char* text;
    std::chrono::milliseconds duration;
    std::string shortest;
  };
  const Row rows[] = {
      {"0", 0ms, "0s"},         {"0s", 0ms, "0s"},         {"90s", 90s, "1m30s"},
      {"5m", 5min, "5m"},       {"1h30m", 90min, "1h30m"}, {"250ms", 250ms, "250ms"},
      {"1.5h", 90min, "1h30m"}, {"24h", 24h, "24h"},       {"1m1ms", 60'001ms, "1m1ms"},
      {"0.0001s", 0ms, "0s"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto duration = ParseDuration(row.text);
    REQUIRE(Outcome(duration) == "fine");
    CHECK((*duration == row.duration));
    CHECK(FormatDuration(*duration) == row.shortest);
  }
  CHECK(FormatDuration(-5s) == "0s");
}

TEST_CASE("[API] durations: what is none is refused, and the units are named") {
  for (const std::string text : {"", "5", "m", "5 m", "-5m", "-0h", "+5m", "5d", "5M", ".5h", "1.h", "1.0000000001s",
                                 "5m ", "9223372036854775807h", "2562047h2562047h", "99999999999999999999s"}) {
    CAPTURE(text);
    CHECK(Outcome(ParseDuration(text)) ==
          "'" + text + "' is no duration such as 90s or 1h30m; the units are h, m, s, ms");
  }
}

TEST_CASE("[API] age: the steps of kubectl's column") {
  struct Row {
    std::chrono::seconds age;
    std::string text;
  };
  const Row rows[] = {
      {-5s, "0s"},
      {119s, "119s"},
      {120s, "2m"},
      {130s, "2m10s"},
      {10min - 1s, "9m59s"},
      {10min + 5s, "10m"},
      {180min - 1s, "179m"},
      {180min, "3h"},
      {3h + 4min, "3h4m"},
      {8h - 1s, "7h59m"},
      {8h + 30min, "8h"},
      {48h - 1s, "47h"},
      {48h, "2d"},
      {5 * 24h + 3h, "5d3h"},
      {8 * 24h + 3h, "8d"},
      {2 * 365 * 24h - 1s, "729d"},
      {2 * 365 * 24h, "2y"},
      {(2 * 365 + 10) * 24h, "2y10d"},
      {(8 * 365 + 10) * 24h, "8y"},
  };
  for (const Row& row : rows) CHECK(FormatAge(row.age) == row.text);
}
