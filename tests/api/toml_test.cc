#include "api/codec/toml.h"

#include <doctest/doctest.h>

#include "api/codec/fields.h"
#include "api/codec/json.h"
#include "api/v1/user_file.h"
#include "tests/api/outcome.h"

using api::codec::ParseToml;
using api::codec::WriteJson;

namespace {

constexpr const char* kAlice = R"(name              = "alice"
ssh_pubkeys       = ["ssh-ed25519 AAAA…"]
groups            = ["developers", "hero"]
branch_suffix     = "alice"
manifest_template = "developer"
display_name      = "Alice Example"            # optional
email             = "alice@example.org"
deactivated       = false
forge_login       = "alice"
adopt             = false

[claude_org_key]
enabled           = true
key_secret_name   = "ORG_CLAUDE_KEY_1"

[limits]
memory = "8GiB"
cpu    = 2.0
tasks  = 2000
disk   = "50GiB"
)";

/// As a controller reads a member's file: unknown keys are errors, with their place.
std::string ReadUserFile(const std::string& text) {
  const auto document = ParseToml(text, "users/alice.toml");
  if (!document) return document.error().message;
  const auto file = api::codec::Decode<api::v1::UserFile>(document->value, {.refuse_unknown = true});
  return file ? "fine" : document->At(file.error()).message;
}

}  // namespace

TEST_CASE("[HTB-02] a member's file: every key is read") {
  const auto document = ParseToml(kAlice, "users/alice.toml");
  REQUIRE(document);
  const auto file = api::codec::Decode<api::v1::UserFile>(document->value, {.refuse_unknown = true});

  REQUIRE(Outcome(file) == "fine");
  CHECK(file->name == "alice");
  CHECK(file->ssh_pubkeys == std::vector<std::string>{"ssh-ed25519 AAAA…"});
  CHECK(file->groups == std::vector<std::string>{"developers", "hero"});
  CHECK(file->branch_suffix == "alice");
  CHECK(file->manifest_template == "developer");
  CHECK(file->display_name == "Alice Example");
  CHECK(file->email == "alice@example.org");
  CHECK_FALSE(file->deactivated);
  CHECK(file->forge_login == "alice");
  CHECK(file->claude_org_key->enabled);
  CHECK(file->claude_org_key->key_secret_name == "ORG_CLAUDE_KEY_1");
  CHECK(file->limits == api::v1::UserLimits{.memory = "8GiB", .cpu = 2.0, .tasks = 2000, .disk = "50GiB"});
}

TEST_CASE("[HTB-02] a member's file: what is wrong is named with its place and the remedy") {
  struct Row {
    const char* name;
    const char* text;
    std::string message;
  };
  const Row rows[] = {
      {"typing error", "name = \"a\"\ngruops = []\n",
       "users/alice.toml:2:1: gruops: unknown field; did you mean 'groups'? known are: name, ssh_pubkeys, groups, "
       "branch_suffix, manifest_template, display_name, email, deactivated, forge_login, adopt, claude_org_key, limits"},
      {"unknown, below", "[limits]\nmemory = \"1GiB\"\n  gpu_share = 1\n",
       "users/alice.toml:3:3: limits.gpu_share: unknown field; known are: memory, cpu, tasks, disk"},
      {"type", "deactivated = \"no\"\n", "users/alice.toml:1:1: deactivated: must be boolean, not string"},
      {"type of an element", "groups = [\n  \"hero\",\n  7,\n]\n",
       "users/alice.toml:3:3: groups[1]: must be string, not integer"},
      {"dotted key", "limits.tasks = 2.5\n", "users/alice.toml:1:8: limits.tasks: must be integer, not number"},
      {"table for a value", "[name]\n", "users/alice.toml:1:2: name: must be string, not object"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(ReadUserFile(row.text) == row.message);
  }
}

TEST_CASE("[API] TOML: values become JSON, dates their text") {
  const auto document = ParseToml(
      "d = 2026-05-09\nt = 07:32:00\ndt = 2026-05-09T14:30:12Z\nlocal = 2026-05-09T14:30:12\n"
      "n = 0x1F\nf = 1e3\nb.c = true\n[[bind]]\nservice = 'x'\n[[bind]]\nservice = \"y\"\n",
      "f.toml");
  REQUIRE(document);
  CHECK(WriteJson(document->value) ==
        R"({"b":{"c":true},"bind":[{"service":"x"},{"service":"y"}],"d":"2026-05-09","dt":"2026-05-09T14:30:12Z",)"
        R"("f":1000.0,"local":"2026-05-09T14:30:12","n":31,"t":"07:32:00"})");
  CHECK(document->positions.at("bind[1].service").line == 11);
  CHECK(document->positions.at("bind[1]").line == 10);
}

TEST_CASE("[API] TOML: columns count characters, and a byte order mark does not count") {
  const auto document = ParseToml("\xef\xbb\xbf[t]\n\"ä\" = 1\nx = {\"ö\" = 1, y = 2}\n", "f.toml");
  REQUIRE(document);
  CHECK(document->positions.at("t.x.y").line == 3);
  CHECK(document->positions.at("t.x.y").column == 15);
}

TEST_CASE("[API] TOML: an error without a place of its own gets the nearest one") {
  const auto document = ParseToml("[a.b]\nc = 1\n", "f.toml");
  REQUIRE(document);
  const auto at = [&](const std::string& field) {
    return document->At({.message = "m", .causes = {{.field = field}}}).message;
  };
  CHECK(at("a.b.c") == "f.toml:2:1: m");
  CHECK(at("a.b.missing[3].x") == "f.toml:1:4: m");
  CHECK(at("a.missing") == "f.toml:1:2: m");
  CHECK(at("missing") == "f.toml: m");
  CHECK(document->At({.message = "m"}).message == "f.toml: m");
}

TEST_CASE("[API] TOML: what is refused, and where") {
  struct Row {
    const char* name;
    std::string text;
    std::string message;
  };
  const Row rows[] = {
      {"syntax", "a = 1\nb 2\n", "f.toml:2:3: Error while parsing key-value pair: expected '=', saw '2'"},
      {"invalid UTF-8", "a = \"é\xff\"\n", "f.toml:1:7: the text is no valid UTF-8"},
      {"infinity", "a = 1\nb = inf\n", "f.toml:2:5: inf and nan have no meaning here"},
      {"NaN in a list", "a = [1,\n  -nan]\n", "f.toml:2:3: inf and nan have no meaning here"},
      {"integer", "a = 9223372036854775808\n",
       "f.toml:1:24: Error while parsing decimal integer: '9223372036854775808' is not representable in 64 bits"},
      {"NUL", std::string("a = '\0'\n", 8), "f.toml:1:6: the text has a NUL byte"},
      {"table twice", "[a]\n[a]\n", "f.toml:2:1: Error while parsing table header: cannot redefine existing table 'a'"},
      {"long key", "[t]\n" + Repeat("k", 129) + " = 1\n", "f.toml:2:1: a key has more than 128 bytes"},
      {"key twice", "a = 1\na = 2\n",
       "f.toml:2:5: Error while parsing key-value pair: cannot redefine existing integer 'a'"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(Outcome(ParseToml(row.text, "f.toml")) == row.message);
  }
}

TEST_CASE("[SEC-49] TOML: size and depth have limits, and inputs that crash the parser never reach it") {
  CHECK(Outcome(ParseToml(Repeat("a.", 100'000) + "a = 1", "f")) == "f: the file has 200005 bytes, the limit is 65536");
  CHECK(Outcome(ParseToml(Repeat("a.", 32'000) + "a = 1", "f")) == "f:1:64: a key has more than 32 parts");
  CHECK(Outcome(ParseToml("x = '.........................................'\n" + Repeat("\"q\" . ", 40) + "a = 1",
                          "f")) == "f:2:191: a key has more than 32 parts");
  CHECK(Outcome(ParseToml("[" + Repeat("a.", 40) + "a]", "f")) == "f:1:65: a key has more than 32 parts");
  const std::string too_deep =
      "Error while parsing value: exceeded maximum nested value depth of 256 (TOML_MAX_NESTED_VALUES)";
  CHECK(Outcome(ParseToml("x = " + Repeat("[", 30'000), "f")) == "f:1:261: " + too_deep);
  CHECK(Outcome(ParseToml("x = " + Repeat("{a=", 20'000), "f")) == "f:1:773: " + too_deep);
  CHECK(Outcome(ParseToml("x = " + Repeat("[", 32) + Repeat("]", 32), "f")) == "f:1:36: nested deeper than 32 levels");
  CHECK(Outcome(ParseToml(Repeat("k", 128) + " = 1", "f")) == "fine");
  CHECK(ParseToml("x = " + Repeat("[", 31) + Repeat("]", 31), "f"));
}

TEST_CASE("[SEC-49] TOML: dots in strings and comments are no key") {
  const std::string dots = Repeat(".", 100);
  const std::string text = "# " + dots + "\na = \"\\\"" + dots + "\"\nb = '" + dots + "'\nc = \"\"\"\n\\\"\"\"" + dots +
                           "\n\"\"\"\nd = '''\n" + dots + "'''\n\"" + dots + "\" = 1\n";
  CHECK(Outcome(ParseToml(text, "f")) == "fine");
}
