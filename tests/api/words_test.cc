#include "api/meta/words.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

TEST_CASE("[API] words: lower case touches A to Z alone, whatever the machine's locale") {
  CHECK(api::LowerCase("Content-TYPE: [@`{]") == "content-type: [@`{]");
  CHECK(api::LowerCase("ÄÖÜ\xc4\x80") == "ÄÖÜ\xc4\x80");
  CHECK(api::LowerCase(std::string_view("A\0B", 3)) == std::string("a\0b", 3));
  CHECK(api::LowerCase("").empty());
}

TEST_CASE("[API] words: a hex digit is 0 to 15, and what only differs from one by a bit is none") {
  for (int value = 0; value < 16; ++value) {
    CAPTURE(value);
    CHECK(api::HexDigitOf("0123456789abcdef"[value]) == value);
    CHECK(api::HexDigitOf("0123456789ABCDEF"[value]) == value);
  }
  for (const char c : {'g', 'G', '/', ':', '@', '`', '\x01', '\x06', ' ', '\xe1'}) {
    CAPTURE(static_cast<int>(c));
    CHECK(api::HexDigitOf(c) == -1);
  }
}

TEST_CASE("[API] words: blanks go from both ends, from nowhere else, and nothing else goes") {
  CHECK(api::Trimmed("  a  b ") == "a  b");
  CHECK(api::Trimmed("\ta\n") == "\ta\n");
  CHECK(api::Trimmed("   ").empty());
  CHECK(api::Trimmed("").empty());
}

TEST_CASE("[API] words: one is counted in the singular alone") {
  CHECK(api::Counted(0, "file") == "0 files");
  CHECK(api::Counted(1, "file") == "1 file");
  CHECK(api::Counted(2, "file") == "2 files");
  CHECK(api::Counted(-1, "file") == "-1 files");
}

TEST_CASE("[API] words: a list has a word only when one is equal to it as a whole") {
  const std::vector<std::string> groups{"docker", "developers"};
  CHECK(api::HasWord(groups, "developers"));
  CHECK_FALSE(api::HasWord(groups, "dev"));
  CHECK_FALSE(api::HasWord(groups, "Developers"));
  CHECK_FALSE(api::HasWord(groups, ""));
  CHECK_FALSE(api::HasWord(std::vector<std::string>{}, "docker"));
  CHECK(api::HasWord(std::array<std::string_view, 1>{"root"}, "root"));
}
