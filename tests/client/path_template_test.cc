#include "client/path_template.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"

using client::ExpandTemplate;

namespace {

const api::Json kList = *api::codec::ParseJson(
    R"({"kind":"List","items":[{"metadata":{"name":"a","labels":{"x/y":"z"}},"spec":{"size":2,"keys":["k1","k2"]},)"
    R"("status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Stalled","status":"False"}]}},)"
    R"({"metadata":{"name":"b"},"spec":{"size":3}}]})");

}  // namespace

TEST_CASE("[CTL] jsonpath templates print what kubectl's do") {
  struct Row {
    const char* text;
    const char* expected;
  };
  const Row rows[] = {
      {"", "{\"items\""},
      {"{.kind}", "List"},
      {".kind", "List"},
      {"kind", "List"},
      {"{$.kind}", "List"},
      {"{.items[0].metadata.name}", "a"},
      {"{.items[-1].metadata.name}", "b"},
      {"{.items[*].metadata.name}", "a b"},
      {"{.items[*].spec.size}", "2 3"},
      {"{.items[0].spec.keys}", R"(["k1","k2"])"},
      {"{.items[0].spec}", R"({"keys":["k1","k2"],"size":2})"},
      {"{.items[0].metadata.labels['x/y']}", "z"},
      {R"({.items[0].status.conditions[?(@.type=="Ready")].status})", "True"},
      {"name: {.items[0].metadata.name}, size: {.items[0].spec.size}", "name: a, size: 2"},
      {"{.missing}", ""},
      {"{.items[9].metadata.name}", ""},
      {"plain", ""},
      {R"({.kind}{"\n"}{"{}\t\"x\""})", "List\n{}\t\"x\""},
      {R"({range .items[*]}{.metadata.name}={.spec.size}{"\n"}{end})", "a=2\nb=3\n"},
      {"{range .items[*]}{.metadata.name}{range .spec.keys[*]} {@}{end};{end}", "a k1 k2;b;"},
      {"{range .nothing[*]}{.x}{end}-", "-"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto text = ExpandTemplate(kList, row.text);
    REQUIRE(text);
    if (std::string(row.text).empty())
      CHECK(text->starts_with(row.expected));  // No path at all is the value itself.
    else
      CHECK(*text == row.expected);
  }
}

TEST_CASE("[CTL] jsonpath templates that are none say why") {
  for (const char* const text : {"{", "{.a", "{end}", "{range .items[*]}x", "{.items[}", "{\"x}", "{.a.[}"}) {
    CAPTURE(text);
    const auto expanded = ExpandTemplate(kList, text);
    REQUIRE_FALSE(expanded);
    CHECK(expanded.error().message.starts_with("jsonpath template: "));
  }
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "{range .items[*]}";
  CHECK_FALSE(ExpandTemplate(kList, deep));
}
