#include "api/meta/json_patch.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "tests/api/outcome.h"

using api::Json;
using api::JsonPatch;
using api::codec::ParseJson;
using api::codec::WriteJson;

namespace {

Json Read(const std::string& text) {
  auto json = ParseJson(text);
  REQUIRE(Outcome(json) == "fine");
  return *std::move(json);
}

/// The document afterwards as text, or what the error says.
std::string Patched(const std::string& document, const std::string& patch) {
  const auto result = JsonPatch(Read(document), Read(patch));
  return result ? WriteJson(*result) : result.error().reason + ": " + result.error().message;
}

struct Row {
  const char* name;
  std::string document;
  std::string patch;
  std::string result;
};

void Check(const Row& row) {
  CAPTURE(row.name);
  CHECK(Patched(row.document, row.patch) == row.result);
}

}  // namespace

TEST_CASE("[API] JSON patch: the examples of RFC 6902, appendix A") {
  const Row rows[] = {
      {"A.1 a member is added", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])",
       R"({"baz":"qux","foo":"bar"})"},
      {"A.2 an element is added", R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])",
       R"({"foo":["bar","qux","baz"]})"},
      {"A.3 a member is removed", R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])",
       R"({"foo":"bar"})"},
      {"A.4 an element is removed", R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])",
       R"({"foo":["bar","baz"]})"},
      {"A.5 a value is replaced", R"({"baz":"qux","foo":"bar"})", R"([{"op":"replace","path":"/baz","value":"boo"}])",
       R"({"baz":"boo","foo":"bar"})"},
      {"A.6 a value is moved", R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})",
       R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
       R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
      {"A.7 an element is moved", R"({"foo":["all","grass","cows","eat"]})",
       R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])", R"({"foo":["all","cows","eat","grass"]})"},
      {"A.8 tests that hold", R"({"baz":"qux","foo":["a",2,"c"]})",
       R"([{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}])",
       R"({"baz":"qux","foo":["a",2,"c"]})"},
      {"A.9 a test that does not", R"({"baz":"qux"})", R"([{"op":"test","path":"/baz","value":"bar"}])",
       "PatchFailed: operation 0 (test /baz): the value there is another one"},
      {"A.10 an object is added", R"({"foo":"bar"})", R"([{"op":"add","path":"/child","value":{"grandchild":{}}}])",
       R"({"child":{"grandchild":{}},"foo":"bar"})"},
      {"A.11 members that mean nothing", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux","xyz":123}])",
       R"({"baz":"qux","foo":"bar"})"},
      {"A.12 a parent that is not there", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz/bat","value":"qux"}])",
       "PatchFailed: operation 0 (add /baz/bat): there is no member 'baz'; only add makes one"},
      {"A.14 escapes", R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10}])", R"({"/":9,"~1":10})"},
      {"A.15 a text is no number", R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":"10"}])",
       "PatchFailed: operation 0 (test /~01): the value there is another one"},
      {"A.16 an array is appended", R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc","def"]}])",
       R"({"foo":["bar",["abc","def"]]})"},
  };
  for (const Row& row : rows) Check(row);
}

TEST_CASE("[API] JSON patch: what the RFC's text says beside its examples") {
  const Row rows[] = {
      {"nothing to do", "{}", "[]", "{}"},
      {"add replaces a member", R"({"a":1})", R"([{"op":"add","path":"/a","value":null}])", R"({"a":null})"},
      {"add at the end by number", R"([1])", R"([{"op":"add","path":"/1","value":2}])", "[1,2]"},
      {"add of the whole", R"({"a":1})", R"([{"op":"add","path":"","value":[1]}])", "[1]"},
      {"replace of the whole", R"({"a":1})", R"([{"op":"replace","path":"","value":7}])", "7"},
      {"copy", R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/c"},{"op":"add","path":"/a/b","value":2}])",
       R"({"a":{"b":2},"c":{"b":1}})"},
      {"copy of the whole into itself", R"({"a":1})", R"([{"op":"copy","from":"","path":"/b"}])",
       R"({"a":1,"b":{"a":1}})"},
      {"move to where it is", R"({"a":1})", R"([{"op":"move","from":"/a","path":"/a"}])", R"({"a":1})"},
      {"move to a name that begins alike", R"({"a":1})", R"([{"op":"move","from":"/a","path":"/ab"}])", R"({"ab":1})"},
      {"move of a child to the whole", R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":""}])", R"({"b":1})"},
      {"empty key", R"({"":1})", R"([{"op":"replace","path":"/","value":2}])", R"({"":2})"},
      {"digits as a key", R"({"0":1})", R"([{"op":"remove","path":"/0"}])", "{}"},
      {"~1 stands for a slash", R"({"hero.dev/x":1})", R"([{"op":"remove","path":"/hero.dev~1x"}])", "{}"},
      {"equal numbers", R"([{"a":[1,2.0]}])", R"([{"op":"test","path":"","value":[{"a":[1.0,2]}]}])",
       R"([{"a":[1,2.0]}])"},
  };
  for (const Row& row : rows) Check(row);
}

TEST_CASE("[API] JSON patch: what is no patch is refused whole, with operation and pointer") {
  const Row rows[] = {
      {"an object", "{}", "{}", "InvalidPatch: a JSON patch must be array, not object"},
      {"an element", "{}", "[7]", "InvalidPatch: operation 0: must be object, not integer"},
      {"verb", "{}", R"([{"op":"ad","path":"/a","value":1}])",
       "InvalidPatch: operation 0: op must be one of add, copy, move, remove, replace, test"},
      {"no verb", "{}", R"([{"path":"/a","value":1}])",
       "InvalidPatch: operation 0: op must be one of add, copy, move, remove, replace, test"},
      {"no path", "{}", R"([{"op":"remove"}])", "InvalidPatch: operation 0: path is missing"},
      {"path's type", "{}", R"([{"op":"remove","path":["a"]}])",
       "InvalidPatch: operation 0: path must be string, not array"},
      {"no slash", "{}", R"([{"op":"remove","path":"a/b"}])",
       "InvalidPatch: operation 0: path 'a/b' must be empty or begin with /"},
      {"escape", "{}", R"([{"op":"remove","path":"/a~2"}])",
       "InvalidPatch: operation 0: path '/a~2' has a ~ that is neither ~0 (for ~) nor ~1 (for /)"},
      {"escape at the end", "{}", R"([{"op":"remove","path":"/a~"}])",
       "InvalidPatch: operation 0: path '/a~' has a ~ that is neither ~0 (for ~) nor ~1 (for /)"},
      {"no from", "{}", R"([{"op":"copy","path":"/a"}])", "InvalidPatch: operation 0 (copy /a): from is missing"},
      {"no value", "{}", R"([{"op":"add","path":"/a"}])", "InvalidPatch: operation 0 (add /a): value is missing"},
      {"the second, before the first fails", "{}", R"([{"op":"remove","path":"/gone"},{"op":"test","path":"/a"}])",
       "InvalidPatch: operation 1 (test /a): value is missing"},
  };
  for (const Row& row : rows) Check(row);
}

TEST_CASE("[API] JSON patch: what the document has not, with what would be allowed") {
  const Row rows[] = {
      {"behind the end", "[1,2]", R"([{"op":"add","path":"/3","value":0}])",
       "PatchFailed: operation 0 (add /3): '3' is no index into the list; 0 to 2 or - is allowed"},
      {"into an empty list", "[]", R"([{"op":"add","path":"/1","value":0}])",
       "PatchFailed: operation 0 (add /1): '1' is no index into the list; 0 or - is allowed"},
      {"leading zero", "[1,2]", R"([{"op":"remove","path":"/01"}])",
       "PatchFailed: operation 0 (remove /01): '01' is no index into the list; 0 to 1 is allowed"},
      {"sign", "[1,2]", R"([{"op":"remove","path":"/-1"}])",
       "PatchFailed: operation 0 (remove /-1): '-1' is no index into the list; 0 to 1 is allowed"},
      {"- names no element", "[1,2]", R"([{"op":"remove","path":"/-"}])",
       "PatchFailed: operation 0 (remove /-): '-' is no index into the list; 0 to 1 is allowed"},
      {"more digits than a number has", "[1,2]", R"([{"op":"remove","path":"/99999999999999999999"}])",
       "PatchFailed: operation 0 (remove /99999999999999999999): '99999999999999999999' is no index into the list; "
       "0 to 1 is allowed"},
      {"of nothing", R"({"a":[]})", R"([{"op":"replace","path":"/a/0","value":1}])",
       "PatchFailed: operation 0 (replace /a/0): '0' is no index into the list, which is empty"},
      {"below a text", R"({"a":"b"})", R"([{"op":"add","path":"/a/b","value":1}])",
       "PatchFailed: operation 0 (add /a/b): 'a' is string and has no 'b'"},
      {"below a scalar root", "7", R"([{"op":"remove","path":"/a"}])",
       "PatchFailed: operation 0 (remove /a): the whole is integer and has no 'a'"},
      {"replace makes nothing", "{}", R"([{"op":"replace","path":"/a","value":1}])",
       "PatchFailed: operation 0 (replace /a): there is no member 'a'; only add makes one"},
      {"from is not there", "{}", R"([{"op":"copy","from":"/a","path":"/b"}])",
       "PatchFailed: operation 0 (copy /b): from: there is no member 'a'; only add makes one"},
      {"into itself", R"({"a":{}})", R"([{"op":"move","from":"/a","path":"/a/b"}])",
       "PatchFailed: operation 0 (move /a/b): a value cannot be moved into itself"},
      {"the whole", "{}", R"([{"op":"remove","path":""}])",
       "PatchFailed: operation 0 (remove ): the whole document cannot be removed; replace it"},
      {"the second operation", R"({"a":1})", R"([{"op":"remove","path":"/a"},{"op":"remove","path":"/a"}])",
       "PatchFailed: operation 1 (remove /a): there is no member 'a'; only add makes one"},
      {"integers beyond a double's digits", "9007199254740993",
       R"([{"op":"test","path":"","value":9007199254740992.0}])",
       "PatchFailed: operation 0 (test ): the value there is another one"},
  };
  for (const Row& row : rows) Check(row);
}

TEST_CASE("[API] JSON patch: a patch costs about what its text does, whatever it says") {
  const auto all_of = [](const std::string& operation, int count) {
    return "[" + operation + Repeat("," + operation, count - 1) + "]";
  };
  const std::string doubling = R"({"op":"copy","from":"","path":"/a/-"})";
  CHECK(Patched(R"({"a":["xxxxxxxxxxxxxxxx"]})", all_of(doubling, 1000)) ==
        "PatchFailed: operation 17 (copy /a/-): the copies of this patch exceed 3145728 bytes");

  CHECK(Patched("{}", all_of(R"({"op":"test","path":"","value":{}})", 1000)) == "{}");
  CHECK(Patched("{}", all_of(R"({"op":"test","path":"","value":{}})", 1001)) ==
        "InvalidPatch: the patch has 1001 operations, the limit is 1000");

  CHECK(Patched("{}", R"([{"op":"remove","path":"/)" + Repeat("a", 1024) + R"("}])") ==
        "InvalidPatch: operation 0: path is longer than 1024 bytes");

  const std::string far_end = R"({"op":"move","from":"/99999","path":"/0"})";
  CHECK(Patched("[0" + Repeat(",0", 99'999) + "]", all_of(far_end, 1000)) ==
        "PatchFailed: operation 50 (move /0): the patch moves more than 10000000 values; split it");
}

TEST_CASE("[API] JSON patch: the result is never deeper than what can be read") {
  const std::string levels = Repeat("[", 60) + Repeat("]", 60);
  const auto add_at = [&](const std::string& path) {
    return R"([{"op":"add","path":")" + path + R"(","value":)" + levels + "}]";
  };
  const std::string document = R"({"a":{"b":{"c":{"d":{}}}}})";
  CHECK(ParseJson(Patched(document, add_at("/a/b/c/d"))));
  const std::string refusal = "the result would be nested deeper than 64 levels";
  CHECK(Patched(document, add_at("/a/b/c/d/e")) == "PatchFailed: operation 0 (add /a/b/c/d/e): " + refusal);
  CHECK(Patched(R"({"a":)" + levels + R"(,"b":{"c":{"d":{"e":{"f":1}}}}})",
                R"([{"op":"replace","path":"/b/c/d/e/f","value":)" + levels + "}]") ==
        "PatchFailed: operation 0 (replace /b/c/d/e/f): " + refusal);
  CHECK(Patched(R"({"a":)" + levels + R"(,"b":{"c":{"d":{"e":{}}}}})",
                R"([{"op":"move","from":"/a","path":"/b/c/d/e/f"}])") ==
        "PatchFailed: operation 0 (move /b/c/d/e/f): " + refusal);
}
