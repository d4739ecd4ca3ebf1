#include "client/text_table.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"

using namespace client;

namespace {

api::Json Table() {
  return *api::codec::ParseJson(
      R"({"kind":"Table","columnDefinitions":[{"name":"Name","priority":0},{"name":"Ready","priority":0},)"
      R"({"name":"Image","priority":1},{"name":"Age","priority":0}],"rows":[)"
      R"({"cells":["alice","True","base:1","4m14s"],"object":{"metadata":{"namespace":"one"}}},)"
      R"({"cells":["bob-with-a-long-name",null,"",7],"object":{"metadata":{"namespace":"another"}}}]})");
}

}  // namespace

TEST_CASE("[CTL] a table is aligned as kubectl aligns it") {
  CHECK(*TablePrinter(TableStyle{}).Print(Table()) ==
        "NAME                   READY    AGE\n"
        "alice                  True     4m14s\n"
        "bob-with-a-long-name   <none>   7\n");
  CHECK(*TablePrinter({.is_wide = true, .has_namespaces = true, .has_header = false}).Print(Table()) ==
        "one       alice                  True     base:1   4m14s\n"
        "another   bob-with-a-long-name   <none>   <none>   7\n");
}

TEST_CASE("[CTL] colours are for terminals and take no width") {
  CHECK(*TablePrinter(TableStyle{.has_colour = true}).Print(Table()) ==
        "\x1b[1mNAME\x1b[0m                   \x1b[1mREADY\x1b[0m    \x1b[1mAGE\x1b[0m\n"
        "alice                  \x1b[32mTrue\x1b[0m     4m14s\n"
        "bob-with-a-long-name   <none>   7\n");
}

TEST_CASE("[SEC-57] what an object says cannot drive the terminal") {
  const auto table = *api::codec::ParseJson(
      R"({"columnDefinitions":[{"name":"Na\u001b[2Jme"}],"rows":[{"cells":["a\u001b]0;owned\u0007\nb"]},{"cells":[{"x":"\u001b"}]}]})");
  CHECK(*TablePrinter(TableStyle{}).Print(table) == "NA?[2JME\na?]0;owned??b\n{\"x\":\"\\u001b\"}\n");
}

TEST_CASE("[CTL] characters count, not bytes; rows may be short; no table is an error") {
  CHECK(AlignColumns({{"h\xc3\xb6he", "x"}, {"tall", "y"}, {"", "z"}}) ==
        "h\xc3\xb6he     x\ntall     y\n<none>   z\n");
  const auto short_row =
      *api::codec::ParseJson(R"({"columnDefinitions":[{"name":"A"},{"name":"B"}],"rows":[{"cells":["x"]}]})");
  CHECK(*TablePrinter(TableStyle{.has_header = false}).Print(short_row) == "x   <none>\n");
  CHECK_FALSE(TablePrinter(TableStyle{}).Print(api::Json::EmptyObject()));
}

TEST_CASE("[CTL] tables of a watch keep header and widths of the first") {
  TablePrinter printer{TableStyle{}};
  CHECK(*printer.Print(*api::codec::ParseJson(R"({"columnDefinitions":[{"name":"Name"},{"name":"Age"}],"rows":[]})")) ==
        "");
  CHECK(
      *printer.Print(*api::codec::ParseJson(R"({"columnDefinitions":null,"rows":[{"cells":["a-long-name","1s"]}]})")) ==
      "NAME          AGE\na-long-name   1s\n");
  CHECK(*printer.Print(*api::codec::ParseJson(R"({"rows":[{"cells":["b","2s"]}]})")) == "b             2s\n");
}
