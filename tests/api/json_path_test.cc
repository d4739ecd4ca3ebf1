#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/schema/schema.h"
#include "tests/api/outcome.h"

using api::Json;
using api::Time;
using api::schema::Cell;
using api::schema::EvaluatePath;
using namespace std::chrono_literals;

namespace {

Json Sample() {
  return *api::codec::ParseJson(R"({
      "metadata": {"labels": {"a/b": "x", "c.d": "y"}, "creationTimestamp": "2026-11-20T20:00:00Z"},
      "spec": {"branch": "main", "keys": ["k0", "k1", "k2"], "size": 3, "cpu": 1.5, "on": true, "none": null},
      "status": {"conditions": [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}]}})");
}

constexpr Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 20h + 2min + 10s;

}  // namespace

TEST_CASE("[API] JSONPath: what a printer column can say") {
  struct Row {
    std::string path;
    std::string matches;
  };
  const Row rows[] = {
      {".spec.branch", R"(["main"])"},
      {"$.spec.branch", R"(["main"])"},
      {".spec['branch']", R"(["main"])"},
      {".spec.keys[0]", R"(["k0"])"},
      {".spec.keys[-1]", R"(["k2"])"},
      {".spec.keys[3]", "[]"},
      {".spec.keys[*]", R"(["k0","k1","k2"])"},
      {".metadata.labels['a/b']", R"(["x"])"},
      {R"(.metadata.labels["c.d"])", R"(["y"])"},
      {R"(.metadata.labels.c\.d)", R"(["y"])"},
      {".metadata.labels.a/b", R"(["x"])"},
      {".metadata.labels.*", R"(["x","y"])"},
      {R"(.status.conditions[?(@.type=="Ready")].status)", R"(["True"])"},
      {R"(.status.conditions[?(@.type == 'Ready')].status)", R"(["True"])"},
      {R"(.status.conditions[?(@.type!="Ready")].status)", R"(["False"])"},
      {".status.conditions[*].type", R"(["Synced","Ready"])"},
      {".spec.missing.deeper", "[]"},
      {".spec.branch[0]", "[]"},
      {".spec.none", "[null]"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    const auto matches = EvaluatePath(Sample(), row.path);
    REQUIRE(Outcome(matches) == "fine");
    CHECK(api::codec::WriteJson(Json(*matches)) == row.matches);
  }
  CHECK(*EvaluatePath(*api::codec::ParseJson(R"({"a":[{"n":1},{"n":2}]})"), ".a[?(@.n==2)].n") == std::vector<Json>{2});
}

TEST_CASE("[API] JSONPath: what is refused, with the position") {
  struct Row {
    std::string path;
    std::string message;
  };
  const Row rows[] = {
      {"", "character 1 of the path '': expected '.' or '['"},
      {"spec", "character 1 of the path 'spec': expected '.' or '['"},
      {".", "character 2 of the path '.': expected a name"},
      {"..a", "character 2 of the path '..a': expected a name"},
      {".a[", "character 4 of the path '.a[': expected a number, '*' or a quoted name"},
      {".a[0", "character 5 of the path '.a[0': expected ]"},
      {".a['b]", "character 5 of the path '.a['b]': expected a closing quote"},
      {".a[?(b)]", "character 6 of the path '.a[?(b)]': expected @"},
      {".a[?(@.b)]", "character 9 of the path '.a[?(@.b)]': expected =="},
      {".a[?(@.b==c)]", "character 11 of the path '.a[?(@.b==c)]': expected a quoted text, a number, true or false"},
      {"{.a}", "character 1 of the path '{.a}': expected '.' or '['"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CHECK(Outcome(EvaluatePath(Json(), row.path)) == row.message);
  }
  CHECK(Outcome(EvaluatePath(Json(), Repeat(".a", 513))).ends_with("': is longer than 1024 bytes"));
}

TEST_CASE("[API] cells: as kubectl prints them") {
  struct Row {
    std::string type;
    std::string path;
    std::string cell;
  };
  const Row rows[] = {
      {"string", ".spec.branch", "main"},    {"string", ".spec.keys", R"(["k0","k1","k2"])"},
      {"string", ".spec.keys[*]", "k0"},     {"string", ".spec.size", "3"},
      {"string", ".spec.missing", ""},       {"string", ".spec.none", ""},
      {"integer", ".spec.size", "3"},        {"integer", ".spec.branch", ""},
      {"number", ".spec.cpu", "1.5"},        {"boolean", ".spec.on", "true"},
      {"boolean", ".spec.branch", ""},       {"date", ".metadata.creationTimestamp", "2m10s"},
      {"date", ".spec.branch", "<invalid>"}, {"date", ".spec.missing", ""},
      {"string", "not a path", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CHECK(Cell({.name = "c", .type = row.type, .json_path = row.path}, Sample(), kNow) == row.cell);
  }
}

TEST_CASE("[API] cells: a date in the future is a mistake, unless clocks differ a little") {
  const auto age = [](const char* time) {
    return Cell({.type = "date", .json_path = ".t"}, Json::Of({{"t", time}}), kNow);
  };
  CHECK(age("2026-11-20T20:02:10Z") == "0s");
  CHECK(age("2026-11-20T20:02:11Z") == "0s");
  CHECK(age("2026-11-20T20:02:12Z") == "<invalid>");
  CHECK(age("") == "<unknown>");
}
