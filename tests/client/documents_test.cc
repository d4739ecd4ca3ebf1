#include "client/documents.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"

using client::Document;
using client::ReadDocuments;

namespace {

/// `place: name` of what is good, the error's text of what is not.
std::vector<std::string> Told(std::string_view text, const std::string& source) {
  std::vector<std::string> told;
  for (const Document& document : ReadDocuments(text, source))
    told.push_back(document.object ? document.place + ": " + document.object->At({"metadata", "name"})->StringOr("")
                                   : document.object.error().message);
  return told;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("[CTL] documents of a YAML file: each with its number and line, empty ones left out") {
  CHECK(Told("# The team.\n"
             "---\n"
             "# Alice leads it.\n"
             "apiVersion: v1\n"
             "kind: A\n"
             "metadata: {name: a}\n"
             "---\n"
             "---\n"
             "# Nothing here.\n"
             "--- {apiVersion: v1, kind: A, metadata: {name: b}}\n"
             "---\r\n"
             "apiVersion: v1\n"
             "kind: A\n"
             "metadata: {name: c}\n"
             "spec:\n"
             "  text: |\n"
             "    ---\n"
             "    no marker\n"
             "...\n",
             "team.yaml") == Lines{"team.yaml, document 1 (line 4): a", "team.yaml, document 2 (line 10): b",
                                   "team.yaml, document 3 (line 12): c"});
  CHECK(Told("%YAML 1.2\n---\napiVersion: v1\nkind: A\nmetadata: {name: a}\n", "a.yaml") ==
        Lines{"a.yaml, document 1 (line 3): a"});
  CHECK(Told("", "a.yaml").empty());
  CHECK(Told("\n# Nothing.\n---\n", "a.yaml").empty());
}

TEST_CASE("[CTL] a bad document is told with file, number, line and column, and the others are read") {
  const auto told = Told(
      "apiVersion: v1\nkind: A\nmetadata: {name: a}\n"
      "---\n"
      "apiVersion: v1\nkind: A\nmetadata: {name: b\nspec: 1}: 2\n"
      "---\n"
      "apiVersion: v1\nkind: A\nmetadata: {name: c}\nspec: {on: yes}\n"
      "---\n"
      "apiVersion: v1\nkind: A\nmetadata: {name: d}\n",
      "x.yaml");
  REQUIRE(told.size() == 4);
  CHECK(told[0] == "x.yaml, document 1 (line 1): a");
  CHECK(told[1].starts_with("x.yaml, document 2 (line 5): x.yaml:8:"));
  CHECK(told[2].starts_with("x.yaml, document 3 (line 10): x.yaml:13:8: "));
  CHECK(told[3] == "x.yaml, document 4 (line 15): d");
}

TEST_CASE("[CTL] a document has to say what it is") {
  struct Row {
    const char* text;
    const char* why;
  };
  const Row rows[] = {
      {"just words", "an object is needed, not string"},
      {"[1]", "an object is needed, not array"},
      {"kind: A\nmetadata: {name: a}", "apiVersion is missing"},
      {"apiVersion: v1\nmetadata: {name: a}", "kind is missing"},
      {"apiVersion: v1\nkind: A", "metadata.name is missing"},
      {"apiVersion: v1\nkind: A\nmetadata: {name: }", "metadata.name is missing"},
      {"apiVersion: v1\nkind: ''\nmetadata: {name: a}", "kind must be a string that is not empty"},
      {"apiVersion: v1\nkind: A\nmetadata: {name: 7}",
       "metadata.name must be a string that is not empty; it is integer, quote it"},
      {"apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: 7}",
       "metadata.namespace must be a string; it is integer"},
      {"apiVersion: v1\nkind: A\nmetadata: {name: a, annotations: x}",
       "metadata.annotations must be an object; it is string"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(Told(row.text, "a.yaml") == Lines{"a.yaml, document 1 (line 1): " + std::string(row.why)});
  }
}

TEST_CASE("[CTL] JSON comes in a row, with or without lines between, and is known by its name or its brace") {
  const std::string a = R"({"apiVersion":"v1","kind":"A","metadata":{"name":"a","labels":{"x":"}\"{"}}})";
  CHECK(Told(a + a + "\n\n  " + a, "a.json") ==
        Lines{"a.json, document 1 (line 1): a", "a.json, document 2 (line 1): a", "a.json, document 3 (line 3): a"});
  CHECK(Told("\n " + a, "standard input") == Lines{"standard input, document 1 (line 2): a"});
  CHECK(Told("{apiVersion: v1, kind: A, metadata: {name: a}}", "a.yml") == Lines{"a.yml, document 1 (line 1): a"});
  const auto told = Told(a + "\n{\"kind\": 1,\n  \"kind\": 2}\n" + a + "\n{\"apiVersion\": ", "a.json");
  REQUIRE(told.size() == 4);
  CHECK(told[1].starts_with("a.json, document 2 (line 2): a.json: line 3, column "));
  CHECK(told[2] == "a.json, document 3 (line 4): a");
  CHECK(told[3].starts_with("a.json, document 4 (line 5): a.json: line 5, column "));
}

TEST_CASE("[CTL] the items of a list stand for themselves") {
  CHECK(Told("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n"
             "- {apiVersion: v1, kind: A}\n- {apiVersion: v1, kind: A, metadata: {name: c}}\n",
             "l.yaml") == Lines{"l.yaml, document 1 (line 1), items[0]: a",
                                "l.yaml, document 1 (line 1), items[1]: metadata.name is missing",
                                "l.yaml, document 1 (line 1), items[2]: c"});
  CHECK(Told("apiVersion: v1\nkind: UserList\nitems: []\n", "l.yaml").empty());
}

TEST_CASE("[CTL] a text that is too long is refused as a whole") {
  const std::string text(3 * 1024 * 1024 + 1, '\n');
  CHECK(Told(text, "long.yaml") == Lines{"long.yaml: it is longer than 3145728 bytes; split it"});
}
