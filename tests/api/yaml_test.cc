#include "api/codec/yaml.h"

#include <random>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "tests/api/outcome.h"

using api::Json;
using api::codec::ParseYaml;
using api::codec::WriteJson;
using api::codec::WriteYaml;

namespace {

std::string AsJson(const std::string& yaml) {
  const auto documents = ParseYaml(yaml, "f.yaml");
  if (!documents) return documents.error().message;
  std::string text;
  for (const Json& document : *documents) text += WriteJson(document) + "\n";
  return text;
}

}  // namespace

TEST_CASE("[API] YAML: documents become values; quotes decide between text and number") {
  CHECK(AsJson("a: 1\nb: '1'\nc: [x, \"\", ~]\nd: |\n  two\n  lines\ne: !!str 5\n") ==
        R"({"a":1,"b":"1","c":["x","",null],"d":"two\nlines\n","e":"5"})"
        "\n");
  CHECK(AsJson(R"(a: "\xe9\u00a0\U0001f600\0\e\/")") == R"({"a":"é 😀\u0000\u001b/"})"
                                                        "\n");
  CHECK(AsJson("# nothing\n---\na: 1\n---\n---\nb: 2\n") == "{\"a\":1}\n{\"b\":2}\n");
  CHECK(AsJson("base: &x {n: 1}\nagain: *x\n") == "{\"again\":{\"n\":1},\"base\":{\"n\":1}}\n");
}

TEST_CASE("[API] YAML: how a text ends makes no difference") {
  CHECK(AsJson("") == "");
  CHECK(AsJson("\n") == "");
  CHECK(AsJson("# nothing\n") == "");
  CHECK(AsJson("a: 1\n...\n") == "{\"a\":1}\n");
  CHECK(AsJson("a: 1\n...\n---\nb: 2\n...") == "{\"a\":1}\n{\"b\":2}\n");
  CHECK(AsJson("a: |\n  x\n") == "{\"a\":\"x\\n\"}\n");
  CHECK(AsJson("a: |\n  x") == "{\"a\":\"x\"}\n");
  CHECK(AsJson("a: |+\n  x\n\n\n") == "{\"a\":\"x\\n\\n\\n\"}\n");
  CHECK(AsJson("a: |-\n  x\n\n") == "{\"a\":\"x\"}\n");
  CHECK(AsJson("a: x  ") == "{\"a\":\"x\"}\n");
  CHECK(AsJson("a: \"x\"\t") == "{\"a\":\"x\"}\n");
}

TEST_CASE("[API] YAML: plain scalars follow the core schema of 1.2") {
  struct Row {
    std::string plain;
    std::string json;
  };
  const Row rows[] = {
      {"null", "null"},
      {"~", "null"},
      {"Null", "null"},
      {"nULL", "\"nULL\""},
      {"true", "true"},
      {"FALSE", "false"},
      {"tRue", "\"tRue\""},
      {"y", "\"y\""},
      {"0", "0"},
      {"-12", "-12"},
      {"+12", "12"},
      {"0x1F", "31"},
      {"1.5", "1.5"},
      {"1.", "1.0"},
      {".5", "0.5"},
      {"-1e3", "-1000.0"},
      {"1e", "\"1e\""},
      {".", "\".\""},
      {"1.2.3", "\"1.2.3\""},
      {"5m", "\"5m\""},
      {"0.50", "0.5"},
      {"12:30", "\"12:30\""},
      {"2026-11-20", "\"2026-11-20\""},
      {"0x", "\"0x\""},
      {"1_a", "\"1_a\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.plain);
    CHECK(AsJson("- " + row.plain) == "[" + row.json + "]\n");
  }
}

TEST_CASE("[API] YAML: what is refused, and where") {
  struct Row {
    const char* name;
    std::string text;
    std::string message;
  };
  const Row rows[] = {
      {"key twice", "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key 'a' stands twice"},
      {"key twice, once quoted", "a: 1\n\"a\": 3\n", "f.yaml:2:1: the key 'a' stands twice"},
      {"custom tag", "a: !secret x\n", "f.yaml:1:4: the tag !secret is not supported"},
      {"custom tag of a map", "a: !m {b: 1}\n", "f.yaml:1:4: the tag !m is not supported"},
      {"custom tag of a list", "a: !l [1]\n", "f.yaml:1:4: the tag !l is not supported"},
      {"tag that converts", "a: !!int '4'\n", "f.yaml:1:4: the tag tag:yaml.org,2002:int is not supported"},
      {"number as key", "1: a\n", "f.yaml:1:1: a key has to be a string; quote it"},
      {"list as key", "? [a]\n: b\n", "f.yaml:1:3: a key has to be a string; quote it"},
      {"merge key", "a: &x {}\nb:\n  <<: *x\n", "f.yaml:3:3: merge keys (<<) are not supported; write the members out"},
      {"yes", "a: yes\n", "f.yaml:1:4: 'yes' is a boolean to some readers of YAML and text to others; quote it"},
      {"Off", "a: Off\n", "f.yaml:1:4: 'Off' is a boolean to some readers of YAML and text to others; quote it"},
      {"on as key", "on: push\n", "f.yaml:1:1: 'on' is a boolean to some readers of YAML and text to others; quote it"},
      {"leading zero", "mode: 0755\n", "f.yaml:1:7: '0755' is not the same number to all readers of YAML; quote it"},
      {"signed leading zero", "a: -01\n", "f.yaml:1:4: '-01' is not the same number to all readers of YAML; quote it"},
      {"octal", "mode: 0o755\n", "f.yaml:1:7: '0o755' is not the same number to all readers of YAML; quote it"},
      {"grouped", "a: 1_000\n", "f.yaml:1:4: '1_000' is not the same number to all readers of YAML; quote it"},
      {"NaN", "a: [.NaN]\n", "f.yaml:1:5: '.NaN' has no meaning in JSON; quote it"},
      {"real", "a: 1e999\n",
       "f.yaml:1:4: '1e999' is out of range: a number is too large or too small for a double; quote it"},
      {"key twice in a later document", "a: 1\n---\nb: 1\nb: 2\n", "f.yaml:4:1: the key 'b' stands twice"},
      {"key twice behind an anchor", "a: &x\n  b: 1\n  b: 2\n", "f.yaml:3:3: the key 'b' stands twice"},
      {"column behind other letters", "{\"ä\": 1, \"ä\": 2}\n", "f.yaml:1:10: the key 'ä' stands twice"},
      {"byte order mark",
       "\xef\xbb\xbf"
       "a: yes\n",
       "f.yaml:1:4: 'yes' is a boolean to some readers of YAML and text to others; quote it"},
      {"escape N", "a: \"\\N\"\n",
       "f.yaml:1:4: an escape makes no valid UTF-8; write \\u0085 for \\N and \\u00a0 for \\_"},
      {"escape _", "\"\\_\": 1\n",
       "f.yaml:1:1: an escape makes no valid UTF-8; write \\u0085 for \\N and \\u00a0 for \\_"},
      {"half a pair", "a: \"\\ud800\"\n", "f.yaml:1:11: invalid unicode: 55296"},
      {"open quote", "a: \"x\nb: 1\n", "f.yaml:3:1: a quoted text is not closed"},
      {"open quote, blanks", "a: 'x  ", "f.yaml:1:8: a quoted text is not closed"},
      {"open quote, end", "a: 'x", "f.yaml:1:6: a quoted text is not closed"},
      {"comma alone", "a: 1\n---\n, b\n", "f.yaml:3:1: a further document has to begin with ---"},
      {"comma behind a document", "{}\n, a: 1\n", "f.yaml:2:1: a further document has to begin with ---"},
      {"bracket behind a document", "a: 1\n}\n", "f.yaml:2:1: illegal flow end"},
      {"comma at the beginning", ", a",
       "f.yaml:1:1: this character opens or closes nothing; quote the text that it is part of"},
      {"document without a separator", "{}\n{}\n", "f.yaml:2:1: a further document has to begin with ---"},
      {"NUL", std::string("a: 1\nb: x\0y\n", 11), "f.yaml:2:5: the text has a NUL byte"},
      {"NaN in capitals", "a: .NAN\n", "f.yaml:1:4: '.NAN' has no meaning in JSON; quote it"},
      {"Infinity", "a: +.Inf\n", "f.yaml:1:4: '+.Inf' has no meaning in JSON; quote it"},
      {"infinity", "a: -.inf\n", "f.yaml:1:4: '-.inf' has no meaning in JSON; quote it"},
      {"integer", "a: 9223372036854775808\n",
       "f.yaml:1:4: '9223372036854775808' is out of range: an integer does not fit into 64 bits; quote it"},
      {"hexadecimal", "a: 0xffffffffffffffff\n",
       "f.yaml:1:4: '0xffffffffffffffff' does not fit into 64 bits; quote it"},
      {"invalid UTF-8", "a: 1\nb: \xff\n", "f.yaml:2:4: the text is no valid UTF-8"},
      {"not YAML", "a: [1\n", "f.yaml:2:1: end of sequence flow not found"},
      {"tab as indentation", "a:\n\tb: 1\n", "f.yaml:2:3: illegal map value"},
      {"unknown alias", "a: *b\n", "f.yaml:1:4: the referenced anchor is not defined"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(Outcome(ParseYaml(row.text, "f.yaml")) == row.message);
  }
}

TEST_CASE("[API] YAML: inputs that exhaust parsers are refused") {
  std::string laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below + Repeat(", " + below, 8) + "]\n";
  }
  CHECK(Outcome(ParseYaml(laughs, "f")).starts_with("f:6:"));
  CHECK(Outcome(ParseYaml(laughs, "f")).ends_with(": more than 200000 nodes, aliases expanded"));
  CHECK(Outcome(ParseYaml("a: &a\n- *a\n", "f")) == "f:2:3: an alias stands inside of the value that it names");
  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i <= 64; ++i)
    deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  CHECK(Outcome(ParseYaml(deep, "f")) == "f:64:12: nested deeper than 64 levels");
  CHECK(Outcome(ParseYaml("a: &a " + Repeat("x", 1'000'000) + "\nb: [*a, *a]\n", "f")) ==
        "f:2:9: more than 3145728 bytes of text, aliases expanded");
  CHECK(Outcome(ParseYaml("a: &a " + Repeat("x", 1'000'000) + "\nb: [*a]\n", "f")) == "fine");
  const std::string brackets = Outcome(ParseYaml(Repeat("[", 1'000'000), "f"));  // Each is a list, and a key as well.
  CHECK(brackets == "f:1:33: nested deeper than 64 levels");
  CHECK(Outcome(ParseYaml(Repeat("- ", 100'000), "f")) == "f:1:129: nested deeper than 64 levels");
  CHECK(Outcome(ParseYaml(Repeat("[", 65) + Repeat("]", 65), "f")) == "f:1:65: nested deeper than 64 levels");
  CHECK(ParseYaml(Repeat("[", 64) + Repeat("]", 64), "f"));
  CHECK(Outcome(ParseYaml(Repeat(" ", (3 << 20) + 1), "f")) == "f: the text has 3145729 bytes, the limit is 3145728");
}

TEST_CASE("[API] YAML: written as kubectl writes it") {
  const Json value =
      Json::Of({{"kind", "User"},
                {"url", "https://forge.example.org/x.git"},
                {"empty", Json::Array{}},
                {"none", nullptr},
                {"on", "yes"},
                {"count", "12"},
                {"list", Json::Array{Json::Of({{"a", 1}, {"b", Json::Array{2.0}}}), Json::Array{true, "x y"}}},
                {"map", Json::Of({{"text", "two\nlines"}, {"colon", "a: b"}})}});
  CHECK(WriteYaml(value) ==
        "count: \"12\"\n"
        "empty: []\n"
        "kind: User\n"
        "list:\n"
        "- a: 1\n"
        "  b:\n"
        "  - 2.0\n"
        "- - true\n"
        "  - x y\n"
        "map:\n"
        "  colon: \"a: b\"\n"
        "  text: \"two\\nlines\"\n"
        "none: null\n"
        "\"on\": \"yes\"\n"
        "url: https://forge.example.org/x.git\n");
}

TEST_CASE("[API] YAML: a key that is too long to stand before a colon survives") {
  for (const int size : {255, 256, 257, 990, 998, 999, 1000, 1022, 1023, 1024, 1025, 5000}) {
    CAPTURE(size);
    const std::string key = Repeat("k", size);
    const Json value =
        Json::Of({{"list", Json::Array{Json::Of({{key, Json::Array{1}}, {key + "2", Json::Of({{"a", key}})}})}},
                  {key, Json::Of({{key, Json::Array{Json::Array{"x"}}}, {"z", 1}})},
                  {key + "3", "text"}});
    const auto again = ParseYaml(WriteYaml(value), "f");
    REQUIRE(Outcome(again) == "fine");
    CHECK(*again == std::vector<Json>{value});
  }
}

TEST_CASE("[API] YAML: any text survives writing and reading, as value and as key") {
  const std::string pieces[] = {"a",      "Z",      "0",
                                ":",      ": ",     " #",
                                "#",      "-",      "- ",
                                "'",      "\"",     "\\",
                                "\n",     "\t",     "\r",
                                " ",      "é",      "…",
                                "😀",     "&",      "*",
                                "!",      "|",      ">",
                                "%",      "@",      "`",
                                "{",      "}",      "[",
                                "]",      ",",      "?",
                                "~",      "<<",     "=",
                                "true",   "null",   "yes",
                                "0x1",    "1e3",    ".5",
                                "---",    "...",    "\x01",
                                "\x7f",   "\u0085", "\u2028",
                                "\ufeff", "\ufffe", std::string("\0", 1)};
  std::mt19937 random(20260509);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (auto length = random() % 5; length > 0; --length) text += pieces[random() % std::size(pieces)];
    const Json value = Json::Of({{"plain", text}, {text, Json::Array{text}}});
    const std::string yaml = WriteYaml(value);
    CAPTURE(yaml);
    const auto again = ParseYaml(yaml, "f");
    REQUIRE(Outcome(again) == "fine");
    CHECK(*again == std::vector<Json>{value});
  }
}
