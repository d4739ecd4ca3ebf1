#include <random>
#include <set>

#include <doctest/doctest.h>

#include "api/codec/text.h"
#include "tests/api/outcome.h"

using namespace api::codec;

namespace {

/// RFC 1123 subdomain as Kubernetes checks it.
bool IsObjectName(const std::string& name) {
  if (name.empty() || name.size() > 253) return false;
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_alphanumeric(name[i])) continue;
    if (name[i] != '-' && name[i] != '.') return false;
    const bool is_border = i == 0 || i + 1 == name.size();
    if (is_border || (name[i] == '.' && !(is_alphanumeric(name[i - 1]) && is_alphanumeric(name[i + 1])))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("[SEC-04] user names and object names map one to one") {
  CHECK(ObjectNameOf("alice") == "alice");
  CHECK(ObjectNameOf("test_user") == "test-user");
  CHECK(UserNameOf("test-user") == "test_user");
  CHECK(ObjectNameOf("test-user") == "test_user");  // Not admitted as a user, and still another name.
  CHECK(EncodeName("test_user") == ObjectNameOf("test_user"));
}

TEST_CASE("[SEC-19] names: ordinary text stays readable, everything else is escaped") {
  struct Row {
    std::string text;
    std::string name;
  };
  const Row rows[] = {
      {"development_lin", "development-lin"},
      {"lhumina_code/hero_team", "lhumina-code.hero-team"},
      {"fix-login", "fix--login"},
      {"release/1.0", "release.1---2e0"},
      {"Main", "x----4dain"},
      {"", "x----x"},
      {"_", "x----5f"},
      {"a_", "a---5f"},
      {"a__b", "a---5f---5fb"},
      {"a-_b", "a---2d---5fb"},
      {"../etc", "x----2e---2e---2fetc"},
      {"x-", "x---2d"},
      {"ä", "x----c3---a4"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(EncodeName(row.text) == row.name);
    CHECK(Outcome(DecodeName(row.name)) == "fine");
    CHECK(*DecodeName(row.name) == row.text);
  }
}

TEST_CASE("[SEC-19] names: no two texts have one name, no name has two spellings") {
  const std::string alphabet = "ab0x_-/.A\xc3";
  std::mt19937 random(19);
  std::set<std::string> texts;
  std::set<std::string> names;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const bool is_any_byte = random() % 4 == 0;
    for (auto length = random() % 12; length > 0; --length)
      text += is_any_byte ? static_cast<char>(random() % 256) : alphabet[random() % alphabet.size()];
    const std::string name = EncodeName(text);
    CAPTURE(name);
    REQUIRE(IsObjectName(name));
    REQUIRE(Outcome(DecodeName(name)) == "fine");
    REQUIRE(*DecodeName(name) == text);
    texts.insert(text);
    names.insert(name);
  }
  CHECK(names.size() == texts.size());

  const std::string name_alphabet = "ab0x-.2f";
  for (int i = 0; i < 20'000; ++i) {
    std::string name;
    for (auto length = random() % 12; length > 0; --length) name += name_alphabet[random() % name_alphabet.size()];
    const auto text = DecodeName(name);
    if (text) CHECK(EncodeName(*text) == name);
  }
}

TEST_CASE("[SEC-19] names: what is no encoded name is refused") {
  for (const std::string name : {"", "-", "A", "a.", ".a", "a--", "a----b", "a---", "a---2", "a---2F", "a---61", "a..b",
                                 "x----", "a---2fx----x", "a_b"}) {
    CAPTURE(name);
    CHECK(Outcome(DecodeName(name)) == "'" + name + "' is no encoded name, or one that was too long to be kept whole");
  }
}

TEST_CASE("[SEC-19] names: a long text is cut, and still differs from every other") {
  CHECK(EncodeName(Repeat("a", 253)) == Repeat("a", 253));
  const std::string name = EncodeName(Repeat("a", 254));
  CHECK(name == Repeat("a", 185) + "----" + Sha256Hex(Repeat("a", 254)));
  CHECK(IsObjectName(EncodeName(Repeat("/", 5000))));
  CHECK(IsObjectName(EncodeName(Repeat("a/", 200))));
  CHECK(EncodeName(Repeat("a", 300)) != EncodeName(Repeat("a", 301)));
  CHECK_FALSE(DecodeName(name));
}
