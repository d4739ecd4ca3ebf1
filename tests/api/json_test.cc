#include "api/codec/json.h"

#include <doctest/doctest.h>

#include "tests/api/outcome.h"

using api::Json;
using api::codec::ParseJson;
using api::codec::WriteJson;

TEST_CASE("[WIRE] JSON: of a key that stands twice the last counts where that is asked for, and each is named once") {
  std::vector<std::string> repeated;
  const auto json = api::codec::ParseJsonWithRepeats(
      R"({"a":1,"b":[{"c":1},{"c":1,"d":2,"c":3,"c":4}],"a":{"x":1},"e":{"f":1,"f":2}})", repeated);
  REQUIRE(json);
  CHECK(api::codec::WriteJson(*json) == R"({"a":{"x":1},"b":[{"c":1},{"c":4,"d":2}],"e":{"f":2}})");
  CHECK(repeated == std::vector<std::string>{"b[1].c", "e.f", "a"});
  CHECK_FALSE(api::codec::ParseJsonWithRepeats("{\"a\":1", repeated));
}

TEST_CASE("[API] JSON: every type is read, and written with sorted keys") {
  const auto value = ParseJson(R"( {"z": [1, -2.5, true, null], "a": {"text": "\u00e9\ud83d\ude00\n"}, "e": {}} )");

  REQUIRE(value);
  CHECK(*value == Json::Of({{"a", Json::Of({{"text", "é😀\n"}})},
                            {"e", Json::EmptyObject()},
                            {"z", Json::Array{1, -2.5, true, nullptr}}}));
  CHECK(WriteJson(*value) == R"({"a":{"text":"é😀\n"},"e":{},"z":[1,-2.5,true,null]})");
}

TEST_CASE("[API] JSON: numbers keep what they are") {
  struct Row {
    const char* text;
    const char* written;
  };
  const Row rows[] = {
      {"0", "0"},
      {"-0", "0"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"1.0", "1.0"},
      {"1e2", "100.0"},
      {"0.1", "0.1"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto value = ParseJson(row.text);
    REQUIRE(value);
    CHECK(WriteJson(*value) == row.written);
    CHECK(*ParseJson(row.written) == *value);
  }
  CHECK(ParseJson("1")->is_integer());
  CHECK_FALSE(ParseJson("1.0")->is_integer());
}

TEST_CASE("[API] JSON: what is refused, and where") {
  struct Row {
    const char* name;
    std::string text;
    std::string message;
  };
  const Row rows[] = {
      {"nothing", "", "line 1, column 1: the document is empty"},
      {"not closed", "{\n  \"a\": 1", "line 2, column 9: missing a comma or '}' after an object member"},
      {"two values", "1 2", "line 1, column 3: the document root must not be followed by other values"},
      {"NUL hides the rest", std::string("{}\0garbage", 10), "line 1, column 3: the text has a NUL byte"},
      {"invalid UTF-8", "{\"é\": \"\xff\"}", "line 1, column 8: the text is no valid UTF-8"},
      {"unfinished UTF-8", "\"\xf0", "line 1, column 2: the text is no valid UTF-8"},
      {"overlong UTF-8", "\"\xc0\x80\"", "line 1, column 2: the text is no valid UTF-8"},
      {"low surrogate alone", R"(["x", "\udc00"])",
       "line 1, column 7: a string has half of a surrogate pair (\\uD800 to \\uDFFF)"},
      {"high surrogate alone", R"(["\ud800"])", "line 1, column 3: the surrogate pair in string is invalid"},
      {"key twice", "{\"b\": 1, \"a\": {},\n \"b\": 2}", "line 2, column 2: the key \"b\" stands twice in one object"},
      {"key twice, spelled with escapes", R"({"a\"": 1, "\u0061\"": 2})",
       "line 1, column 12: the key \"a\"\" stands twice in one object"},
      {"integer", "[9223372036854775808]", "line 1, column 2: an integer does not fit into 64 bits"},
      {"real", "[1e999]", "line 1, column 2: number too big to be stored in double"},
      {"tiny real", "[1e-999]", "line 1, column 2: a number is too large or too small for a double"},
      {"leading zero", "[01]", "line 1, column 3: missing a comma or ']' after an array element"},
      {"NaN", "NaN", "line 1, column 1: invalid value"},
      {"infinity", "[\n -Infinity]", "line 2, column 3: invalid value"},
      {"comment", "{} // why", "line 1, column 4: the document root must not be followed by other values"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(Outcome(ParseJson(row.text)) == row.message);
  }
}

TEST_CASE("[API] JSON: inputs that crashed parsers are refused") {
  CHECK(Outcome(ParseJson("[128.74836467836484838364836483643636483648e-336]")) ==
        "line 1, column 2: a number is too large or too small for a double");
  CHECK(Outcome(ParseJson("[1.00000000001e-2147483639]")) ==
        "line 1, column 2: a number is too large or too small for a double");
  CHECK(Outcome(ParseJson("[" + Repeat("9", 65) + "]")) == "line 1, column 2: a number has more than 64 characters");
  CHECK(Outcome(ParseJson(Repeat("[", 1'000'000))) == "line 1, column 65: nested deeper than 64 levels");
  CHECK(Outcome(ParseJson(Repeat("{\"a\":", 500'000))) == "line 1, column 321: nested deeper than 64 levels");
}

TEST_CASE("[API] JSON: limits count levels and bytes, and the last that fits passes") {
  CHECK(ParseJson(Repeat("[", 64) + Repeat("]", 64)));
  CHECK_FALSE(ParseJson(Repeat("[", 65) + Repeat("]", 65)));
  CHECK(ParseJson("\"12345678\"", {.bytes_max = 10}));
  CHECK(Outcome(ParseJson("\"123456789\"", {.bytes_max = 10})) == "the text has 11 bytes, the limit is 10");
}

TEST_CASE("[API] JSON: what is written can be read, whatever the strings hold") {
  CHECK(WriteJson(Json(std::string("\x01\"\\\b\f\n\r\t\x7f/", 10))) == "\"\\u0001\\\"\\\\\\b\\f\\n\\r\\t\x7f/\"");
  CHECK(WriteJson(Json("a\xff\xc3")) == "\"a\uFFFD\uFFFD\"");
  CHECK(WriteJson(Json(1.0 / 0.0)) == "null");
  CHECK(WriteJson(Json(std::string("\0", 1))) == "\"\\u0000\"");
}

TEST_CASE("[API] JSON: people get one member per line") {
  const Json value = Json::Of({{"b", Json::Array{1, 2}}, {"a", Json::EmptyObject()}});
  CHECK(api::codec::WritePrettyJson(value) == "{\n  \"a\": {},\n  \"b\": [\n    1,\n    2\n  ]\n}\n");
}

TEST_CASE("[API] merge patch: the examples of RFC 7386, appendix A") {
  struct Row {
    const char* target;
    const char* patch;
    const char* result;
  };
  const Row rows[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", "{}"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", "null", "null"},
      {R"({"a":"foo"})", R"("bar")", R"("bar")"},
      {R"({"e":null})", R"({"a":1})", R"({"a":1,"e":null})"},
      {"[1,2]", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.patch);
    Json target = *ParseJson(row.target);
    api::MergePatch(target, *ParseJson(row.patch));
    CHECK(WriteJson(target) == row.result);
  }
}

TEST_CASE("[API] merge patch: takes time by the members of both, not by their product") {
  Json target = Json::EmptyObject();
  Json patch = Json::EmptyObject();
  for (int i = 0; i < 100'000; ++i) {
    const std::string key = std::to_string(1'000'000 + i);
    target["z" + key] = i;
    patch["a" + key] = i;
  }
  api::MergePatch(target, patch);  // One at a time, each in front of all others, takes minutes.
  CHECK(target.size() == 200'000);
}
