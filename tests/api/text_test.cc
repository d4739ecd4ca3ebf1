#include "api/codec/text.h"

#include <doctest/doctest.h>

#include "tests/api/outcome.h"

using namespace api::codec;
using namespace std::chrono_literals;

TEST_CASE("[SEC-57] text for people cannot move the cursor, forge lines or grow without end") {
  struct Row {
    const char* name;
    std::string text;
    std::string printed;
  };
  const Row rows[] = {
      {"plain", "Ünïcode 😀 stays", "Ünïcode 😀 stays"},
      {"escape sequence", "\x1b[31mred\x1b[0m", "?[31mred?[0m"},
      {"line ends", "one\r\ntwo\tthree\x7f", "one??two?three?"},
      {"eight-bit control", "a\u0085b\u009bc", "a?b?c"},
      {"line and paragraph separator", "a\u2028b\u2029c", "a?b?c"},
      {"reading direction", "user\u202etxt.exe\u2066", "user?txt.exe?"},
      {"invalid UTF-8", "a\xff\xc3z\xed\xa0\x80", "a??z???"},
      {"NUL", std::string("a\0b", 3), "a?b"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(Printable(row.text) == row.printed);
  }
  CHECK(Printable("123456789", 9) == "123456789");
  CHECK(Printable("1234567890", 9) == "123456…");
  CHECK(Printable("12345ä7890", 9) == "12345…");
  CHECK(Printable(Repeat("x", 5000)).size() == 1024);
}

TEST_CASE("[API] UTF-8: valid is what RFC 3629 says") {
  CHECK(IsValidUtf8("a\u00e9\u20ac\U0001F600\U0010FFFF"));
  for (const std::string bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                                "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3"}) {
    CAPTURE(bad);
    CHECK_FALSE(IsValidUtf8(bad));
  }
  CHECK(ValidUtf8Prefix("aé\xff") == 3);
}

TEST_CASE("[API] digests and base64: the published examples") {
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

  struct Row {
    std::string bytes;
    std::string text;
  };
  const Row rows[] = {{"", ""},
                      {"f", "Zg=="},
                      {"fo", "Zm8="},
                      {"foo", "Zm9v"},
                      {"foob", "Zm9vYg=="},
                      {"fooba", "Zm9vYmE="},
                      {"foobar", "Zm9vYmFy"},
                      {"\xff\xfe\xfb", "//77"}};
  for (const Row& row : rows) {  // RFC 4648, section 10.
    CHECK(EncodeBase64(row.bytes) == row.text);
    CHECK(*DecodeBase64(row.text) == row.bytes);
  }
}

TEST_CASE("[API] base64: a second spelling of the same bytes is refused") {
  CHECK(Outcome(DecodeBase64("Zg=")) == "no base64: the length is no multiple of 4");
  CHECK(Outcome(DecodeBase64("Zh==")) == "no base64: bits are set behind the end");
  CHECK(Outcome(DecodeBase64("Zm9=")) == "no base64: bits are set behind the end");
  for (const char* text : {"Zg==Zg==", "Z===", "====", "Zm9\n", "Zm-_", "Z m9"}) {
    CAPTURE(text);
    CHECK(Outcome(DecodeBase64(text)) == "no base64: a character outside of A-Z a-z 0-9 + / =");
  }
}
