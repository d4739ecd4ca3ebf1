// Whom sudoers name, as far as herod-priv has to know it: nobody may be missed.
#include "host/priv/sudoers.h"

#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/temp_dir.h"

namespace {

using host::priv::ParseSudoers;
using host::priv::ReadSudoers;

TEST_CASE("[SEC-05] sudoers: every way to write a name is seen, and no comment") {
  struct Row {
    const char* text;
    bool is_named;
  };
  const Row rows[] = {
      {"alice ALL=(ALL) ALL", true},
      {"  alice\tALL = ALL", true},
      {"bob,alice ALL=ALL", true},
      {"ALL,!alice ALL=ALL", true},
      {"\"alice\" ALL=ALL", true},
      {"User_Alias X=bob:Y=alice", true},
      {"bob ALL=(alice) ALL", true},
      {"Defaults:alice !authenticate", true},
      {"ALICE ALL=ALL", true},
      {"DOMAIN\\\\alice ALL=ALL", true},
      {"User_Alias X = bob, \\\n  alice", true},
      {"Defaults badpass=\"a # b\", alice", true},
      {"Defaults x=a\\#b, alice", true},
      {"# alice ALL=ALL", false},
      {"#alice ALL=ALL", false},
      {"bob ALL=ALL # for alice", false},
      {"bob ALL=/usr/bin/alice", false},
      {"alice2 ALL=ALL", false},
      {"", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(ParseSudoers(row.text).names.accounts.contains("alice") == row.is_named);
  }
  const auto names = ParseSudoers("#1000, %#27 ALL=ALL\n%Staff ALL=ALL\n%#x\n").names;
  CHECK(names.uids == std::set<std::int64_t>{1000});
  CHECK(names.gids == std::set<std::int64_t>{27});
  CHECK(names.groups.contains("staff"));
}

TEST_CASE("[SEC-05] sudoers: what is included is named, in every spelling") {
  const auto file = ParseSudoers(
      "@include /etc/a\n#include b\n  @includedir \"/etc/c\"\n#includedir /etc/d\\ e\n# include no\n#includes no\n");
  CHECK(file.includes == std::vector<std::string>{"/etc/a", "b", "/etc/c", "/etc/d e"});
}

TEST_CASE("[SEC-05] sudoers: all files are read, once each; what cannot be read is no empty one") {
  const tests::TempDir root;
  CHECK(ReadSudoers(root.Path())->accounts.empty());
  root.Write("etc/sudoers", "@includedir /etc/more\n@include sudoers\n@include /etc/nowhere\nann ALL=ALL\n");
  root.Write("etc/sudoers.d/b", "bob ALL=ALL\n");
  root.Write("etc/sudoers.d/b~", "left ALL=ALL\n");
  root.Write("etc/more/c", "carol ALL=ALL\n");
  const auto names = ReadSudoers(root.Path());
  REQUIRE(names);
  for (const char* name : {"ann", "bob", "carol"}) CHECK(names->accounts.contains(name));
  CHECK_FALSE(names->accounts.contains("left"));

  root.Write("etc/sudoers", std::string(2u << 20, 'x'));
  CHECK(ReadSudoers(root.Path()).error().reason == "SudoersUnreadable");
  root.Write("etc/sudoers", "");
  for (int i = 0; i < 300; ++i) root.Write("etc/sudoers.d/n" + std::to_string(i), "");
  CHECK(ReadSudoers(root.Path()).error().reason == "SudoersUnreadable");
}

}  // namespace
