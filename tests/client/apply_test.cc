#include "client/apply.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "tests/client/wire_box.h"

using namespace tests;
using api::Json;
using client::Applied;
using client::ThreeWayPatch;

namespace {

Json Parse(const std::string& text) {
  auto json = api::codec::ParseJson(text);
  REQUIRE_MESSAGE(json, json.error().message);
  return *std::move(json);
}

}  // namespace

TEST_CASE("[CTL] the patch of an apply: what the file gives, and nulls for what it gave up") {
  struct Row {
    const char* name;
    const char* last;
    const char* wanted;
    const char* current;
    const char* patch;
  };
  const Row rows[] = {
      {"nothing to do", R"({"a":1})", R"({"a":1})", R"({"a":1,"b":2})", "{}"},
      {"a change", R"({"a":1})", R"({"a":2})", R"({"a":1,"b":2})", R"({"a":2})"},
      {"changed by somebody else: made so again", R"({"a":1})", R"({"a":1})", R"({"a":9})", R"({"a":1})"},
      {"a new field", "{}", R"({"a":{"b":1}})", "{}", R"({"a":{"b":1}})"},
      {"given up", R"({"a":1,"b":2})", R"({"a":1})", R"({"a":1,"b":2})", R"({"b":null})"},
      {"given up, already gone", R"({"a":1,"b":2})", R"({"a":1})", R"({"a":1})", "{}"},
      {"never ours: left alone", R"({"a":1})", R"({"a":1})", R"({"a":1,"theirs":{"x":1}})", "{}"},
      {"deeper", R"({"a":{"x":1,"y":1}})", R"({"a":{"x":2}})", R"({"a":{"x":1,"y":1,"z":1}})",
       R"({"a":{"x":2,"y":null}})"},
      {"emptied", R"({"a":{"x":1}})", R"({"a":{}})", R"({"a":{"x":1,"z":1}})", R"({"a":{"x":null}})"},
      {"lists as a whole", R"({"a":[1,2]})", R"({"a":[2]})", R"({"a":[1,2]})", R"({"a":[2]})"},
      {"an object where a value was", "{}", R"({"a":{"x":1}})", R"({"a":[1]})", R"({"a":{"x":1}})"},
      {"a null removes", "{}", R"({"a":null})", R"({"a":1})", R"({"a":null})"},
      {"a null where nothing is", "{}", R"({"a":null})", "{}", "{}"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Json current = Parse(row.current);
    const Json patch = ThreeWayPatch(Parse(row.last), Parse(row.wanted), current);
    CHECK(api::codec::WriteJson(patch) == row.patch);
    // What a patch of this kind promises: once it was made, nothing is left to do.
    Json after = current;
    api::MergePatch(after, patch);
    CHECK(ThreeWayPatch(Parse(row.wanted), Parse(row.wanted), after) == Json::EmptyObject());
  }
}

TEST_CASE("[CTL] what is sent has a note of itself, without what only servers write") {
  const Json sent = client::ToApply(
      Parse(R"({"apiVersion":"v1","kind":"A","metadata":{"name":"a","uid":"u","resourceVersion":"7","generation":3,)"
            R"("creationTimestamp":"x","annotations":{"hero.dev/last-applied":"old","mine":"1"}},"status":{"x":1}})"));
  const std::string note = R"({"apiVersion":"v1","kind":"A","metadata":{"annotations":{"mine":"1"},"name":"a"}})";
  CHECK(TextAt(sent, {"metadata", "annotations", "hero.dev/last-applied"}) == note);
  CHECK(TextAt(sent, {"metadata", "resourceVersion"}) == "7");  // A precondition, this once.
  CHECK(TextAt(sent, {"metadata", "generation"}) == "(none)");
  CHECK(TextAt(sent, {"metadata", "creationTimestamp"}) == "(none)");
  CHECK(TextAt(sent, {"status"}) == "(none)");
}

namespace {

struct ApplyBench : WireApi {
  api::Expected<client::ApplyResult> Apply(const std::string& spec, const reconciler::WriteOptions& options = {},
                                           const std::string& metadata = "") {
    const auto kinds = wire.Kinds();
    REQUIRE(kinds);
    return client::Apply(wire, *(*kinds)->FindResource("slots.hero.dev"), "default",
                         Parse(R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"a")" + metadata +
                               R"(},"spec":)" + spec + "}"),
                         options);
  }
  std::string SpecNow() {
    return TextAt(JsonOf(api().Ask("GET", "/apis/hero.dev/v1/namespaces/default/slots/a")), {"spec"});
  }
  void Change(const std::string& patch) {
    REQUIRE(api()
                .Ask("PATCH", "/apis/hero.dev/v1/namespaces/default/slots/a", patch,
                     {{"content-type", "application/merge-patch+json"}})
                .status == 200);
  }
};

}  // namespace

TEST_CASE("[CTL] apply: created, unchanged, configured; fields given up go, those of others stay") {
  ApplyBench bench;
  CHECK(bench.Apply(R"({"size":3,"image":"base:1"})")->what == Applied::kCreated);
  CHECK(bench.Apply(R"({"size":3,"image":"base:1"})")->what == Applied::kUnchanged);
  bench.Change(R"({"spec":{"tags":["theirs"]}})");
  CHECK(bench.Apply(R"({"size":3,"image":"base:1"})")->what == Applied::kUnchanged);
  CHECK(bench.Apply(R"({"size":4})")->what == Applied::kConfigured);
  CHECK(bench.SpecNow() == R"({"mode":"Fast","size":4,"tags":["theirs"]})");
  bench.Change(R"({"spec":{"size":9}})");
  CHECK(bench.Apply(R"({"size":4})")->what == Applied::kConfigured);
  CHECK(bench.SpecNow() == R"({"mode":"Fast","size":4,"tags":["theirs"]})");
}

TEST_CASE("[CTL] apply: a dry run says the same and changes nothing") {
  ApplyBench bench;
  CHECK(bench.Apply(R"({"size":3})", {.is_dry_run = true})->what == Applied::kCreated);
  CHECK(bench.SpecNow() == "(none)");
  REQUIRE(bench.Apply(R"({"size":3})"));
  CHECK(bench.Apply(R"({"size":3})", {.is_dry_run = true})->what == Applied::kUnchanged);
  CHECK(bench.Apply(R"({"size":4})", {.is_dry_run = true})->what == Applied::kConfigured);
  CHECK(bench.SpecNow() == R"({"mode":"Fast","size":3})");
}

TEST_CASE("[CTL] apply: unknown fields are refused or told, those of the metadata too") {
  ApplyBench bench;
  const auto strict = bench.Apply(R"({"sise":3})", {.field_validation = reconciler::FieldValidation::kStrict});
  REQUIRE_FALSE(strict);
  CHECK(strict.error().message.ends_with("strict decoding error: unknown field \"spec.sise\""));
  const auto metadata =
      bench.Apply("{}", {.field_validation = reconciler::FieldValidation::kStrict}, R"(,"lables":{"a":"b"})");
  REQUIRE_FALSE(metadata);
  CHECK(metadata.error().message.ends_with("strict decoding error: unknown field \"metadata.lables\""));
  CHECK(bench.Apply(R"({"sise":3})")->warnings == std::vector<std::string>{"unknown field \"spec.sise\""});
}

TEST_CASE("[CTL] apply: a version in the file is a precondition") {
  ApplyBench bench;
  REQUIRE(bench.Apply(R"({"size":3})"));  // Version 1.
  bench.Change(R"({"spec":{"size":5}})");
  const auto stale = bench.Apply(R"({"size":4})", {}, R"(,"resourceVersion":"1")");
  REQUIRE_FALSE(stale);
  CHECK(stale.error().code == api::Code::kConflict);
  CHECK(bench.Apply(R"({"size":4})", {}, R"(,"resourceVersion":"2")")->what == Applied::kConfigured);
  CHECK(bench.Apply(R"({"size":4})")->what == Applied::kUnchanged);  // Not remembered as a field given up.
}
