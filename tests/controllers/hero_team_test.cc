#include "controllers/team/hero_team.h"

#include <algorithm>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

namespace controllers {
namespace {

using tests::BoxHarness;

const TeamRules kRules{.users = {.assignable_groups = {"developers", "hero"}, .check = BoxHarness::CheckSpec},
                       .manifests = {.orgs = {"lhumina_code"}}};

/// A tree in memory. A content that begins with `->` is a link.
class MemoryTree final : public TeamTree {
 public:
  explicit MemoryTree(std::map<std::string, std::string> files) : files_(std::move(files)) {}

  api::Expected<std::vector<host::TreeEntry>> List(std::string_view directory) const override {
    const std::string prefix = directory.empty() ? "" : std::string(directory) + "/";
    std::map<std::string, host::TreeEntry> entries;
    for (const auto& [path, content] : files_) {
      if (!path.starts_with(prefix)) continue;
      const std::string rest = path.substr(prefix.size());
      const std::string name = rest.substr(0, rest.find('/'));
      entries[name] = {.name = name,
                       .blob = api::codec::Sha256Hex(content).substr(0, 40),
                       .is_file = name == rest && !content.starts_with("->")};
    }
    if (entries.empty() && !prefix.empty()) return api::Error{api::Code::kNotFound, "NotFound", "no " + prefix};
    std::vector<host::TreeEntry> list;
    list.reserve(entries.size());
    for (const auto& [name, entry] : entries) list.push_back(entry);
    return list;
  }

  api::Expected<std::string> Read(std::string_view directory, const host::TreeEntry& entry,
                                  std::size_t bytes_max) const override {
    ++reads;
    const std::string& content = files_.at(std::string(directory) + "/" + entry.name);
    if (content.size() > bytes_max) return api::Error{api::Code::kInvalid, "BlobTooLarge", "has more than 65536 bytes"};
    return content;
  }

  mutable int reads = 0;

 private:
  const std::map<std::string, std::string> files_;
};

std::string FileOf(const std::string& name, int key, const std::string& more = "") {
  return "name = \"" + name + "\"\nssh_pubkeys = [\"" + tests::SshKey(std::to_string(key)) + "\"]\nbranch_suffix = \"" +
         name + "\"\nmanifest_template = \"developer\"\n" + more;
}

/// A tree with a template and these files of users.
std::map<std::string, std::string> TeamOf(const std::map<std::string, std::string>& users) {
  std::map<std::string, std::string> files{{"README.md", "us"},
                                           {"manifest_templates/developer.toml", BoxHarness::kTemplate}};
  for (const auto& [name, text] : users) files["users/" + name] = text;
  return files;
}

HeroTeam Read(const std::map<std::string, std::string>& files, const InForce& in_force = {}) {
  auto team = ReadHeroTeam(MemoryTree(files), kRules);
  REQUIRE_MESSAGE(team, team.error().message);
  CheckTogether(*team, in_force);
  return *std::move(team);
}

std::string ProblemOf(const HeroTeam& team, const std::string& stem) {
  const auto found = team.users.find(stem);
  if (found == team.users.end()) return "no such file";
  return found->second.spec ? "" : found->second.spec.error().message;
}

bool Has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("[HTB-01][HTB-05] hero_team: members and templates, a template with its text and comments") {
  const HeroTeam team = Read(TeamOf({{"alice.toml", FileOf("alice", 1)}, {"README.md", "no member"}}));
  REQUIRE(team.users.size() == 1);
  REQUIRE(team.users.at("alice").spec);
  CHECK(team.users.at("alice").spec->source.path == "users/alice.toml");
  REQUIRE(team.templates.at("developer").spec);
  CHECK(team.templates.at("developer").spec->text == BoxHarness::kTemplate);
  CHECK(team.templates.at("developer").spec->bind.front().service == "hero_slides");
  CHECK(ProblemsOf(team).empty());
}

TEST_CASE("[SEC-09][SEC-49] hero_team: each wrong file is wrong alone, whatever is wrong with it") {
  const std::string deep(200, '[');
  const HeroTeam team = Read(TeamOf({
      {"good.toml", FileOf("good", 1)},
      {"huge.toml", FileOf("huge", 2) + "# " + std::string(1 << 20, 'x')},
      {"deep.toml", FileOf("deep", 3) + "x = " + deep},
      {"link.toml", "-> good.toml"},
      {"dir.toml/inside", "x"},
      {"latin.toml", FileOf("latin", 4, "display_name = \"J\xfcrgen\"\n")},
      {"nul.toml", FileOf("nul", 5) + std::string(1, '\0')},
      {"J\xfcrgen.toml", FileOf("jurgen", 6)},
      {"test_user.toml", FileOf("test_user", 7)},
      {"test-user.toml", FileOf("test-user", 8)},
      {"Test_user.toml", FileOf("Test_user", 9)},
      {"mail.toml", FileOf("mail_", 10)},
      {".toml", FileOf("", 11)},
      {"limits.toml", FileOf("limits", 12, "email = \"limits@example.org\"\n[limits]\nmemory = \"lots\"\n")},
      {"post.toml", FileOf("post", 13, "email = \"nobody\"\n")},
      {"bare.toml", "name = \"bare\"\n"},
  }));
  struct Row {
    const char* stem;
    const char* message;
  };
  const Row rows[] = {
      {"huge", "users/huge.toml: has more than 65536 bytes"},
      {"deep", "users/deep.toml:5:"},
      {"link", "users/link.toml: is no regular file"},
      {"dir", "users/dir.toml: is no regular file"},
      {"latin", "users/latin.toml:5:18: the text is no valid UTF-8"},
      {"nul", "users/nul.toml:5:1: the text has a NUL byte"},
      {"J\xfcrgen", "users/J?rgen.toml:1:1: name \"jurgen\" has to equal the file's name"},
      {"test-user", "users/test-user.toml:1:1: name \"test-user\" has to be lower-case"},
      {"Test_user", "users/Test_user.toml:1:1: name \"Test_user\" has to be lower-case"},
      {"mail", "has to be lower-case"},
      {"", "has to be lower-case"},
      {"limits", "users/limits.toml:7:1: limits.memory: should match"},
      {"post", "users/post.toml:5:1: email: must be of type email"},
      {"bare", "users/bare.toml: branch_suffix is required"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.stem);
    CHECK_MESSAGE(Has(ProblemOf(team, row.stem), row.message), ProblemOf(team, row.stem));
  }
  CHECK(ProblemOf(team, "good").empty());
  CHECK(ProblemOf(team, "test_user").empty());
  CHECK(ProblemCount(team) == static_cast<std::int64_t>(std::size(rows)));
}

TEST_CASE("[SEC-16] hero_team: a key of two members is refused in both files, and each names the other") {
  const HeroTeam team = Read(
      TeamOf({{"alice.toml", FileOf("alice", 1)},
              {"bob.toml", "name = \"bob\"\nssh_pubkeys = [\"" + tests::SshKey("2") + "\", \"" + tests::SshKey("1") +
                               "\"]\nbranch_suffix = \"bob\"\nmanifest_template = "
                               "\"developer\"\n"},
              {"carol.toml", FileOf("carol", 3)}}));
  CHECK(ProblemOf(team, "alice") ==
        "users/alice.toml:2:16: the ssh-ed25519 key is also that of users/bob.toml; it belongs to one member alone");
  CHECK(Has(ProblemOf(team, "bob"), "is also that of users/alice.toml"));
  CHECK(ProblemOf(team, "carol").empty());
}

TEST_CASE(
    "[HTB-32] hero_team: two members with one branch suffix would push to each other's branches: refused in both") {
  const std::string other = "name = \"bob\"\nbranch_suffix = \"alice\"\nmanifest_template = \"developer\"\n";
  const HeroTeam team = Read(TeamOf({{"alice.toml", FileOf("alice", 1)}, {"bob.toml", other}}));
  CHECK(Has(ProblemOf(team, "alice"), "users/alice.toml:3:1: branch_suffix \"alice\" is also that of users/bob.toml"));
  CHECK(Has(ProblemOf(team, "bob"), "users/bob.toml:2:1: branch_suffix"));
}

TEST_CASE("[SEC-16] hero_team: what a broken file said last still counts, so its key cannot be taken meanwhile") {
  const HeroTeam before = Read(TeamOf({{"alice.toml", FileOf("alice", 1)}}));
  InForce in_force;
  in_force.users["alice"] = *before.users.at("alice").spec;
  const std::map<std::string, std::string> files = TeamOf({{"alice.toml", "name ="}, {"bob.toml", FileOf("bob", 1)}});
  CHECK(Has(ProblemOf(Read(files, in_force), "bob"), "is also that of users/alice.toml"));
  CHECK(ProblemOf(Read(files), "bob").empty());  // Nobody has it.

  // A chain: alice's file is refused for bob's sake, so her old key is in force, which carol has just written down.
  const HeroTeam chain = Read(
      TeamOf({{"alice.toml", FileOf("alice", 2)}, {"bob.toml", FileOf("bob", 2)}, {"carol.toml", FileOf("carol", 1)}}),
      in_force);
  CHECK(ProblemCount(chain) == 3);
}

TEST_CASE("[HTB-06] hero_team: a template that is missing is told to whoever names it, with those that there are") {
  const std::string text = "name = \"alice\"\nbranch_suffix = \"alice\"\nmanifest_template = \"writer\"\n";
  CHECK(ProblemOf(Read(TeamOf({{"alice.toml", text}})), "alice") ==
        "users/alice.toml:3:1: manifest_template \"writer\" is none of manifest_templates/; there are: developer");
  auto files = TeamOf({{"alice.toml", FileOf("alice", 1)}});
  files["manifest_templates/developer.toml"] = "[[bind]]\nservice = \"X\"\n";
  CHECK(Has(ProblemOf(Read(files), "alice"), "its file manifest_templates/developer.toml has to be mended first"));
  const HeroTeam kept = Read(files, {.roles = {"developer"}});
  CHECK(ProblemOf(kept, "alice").empty());  // What the template said last is in force.
  CHECK(ProblemsOf(kept).size() == 1);
  CHECK(ProblemsOf(kept).front().path == "manifest_templates/developer.toml");
}

TEST_CASE("[HTB-04] hero_team: a key of the organisation that is not known is refused, with those that are") {
  const auto files = TeamOf({{"alice.toml", FileOf("alice", 1,
                                                   "[claude_org_key]\nenabled = true\nkey_secret_name = "
                                                   "\"ORG_CLAUDE_KEY_9\"\n")},
                             {"bob.toml", FileOf("bob", 2,
                                                 "[claude_org_key]\nenabled = false\nkey_secret_name = "
                                                 "\"ORG_CLAUDE_KEY_9\"\n")}});
  const std::set<std::string> keys = {"ORG_CLAUDE_KEY_1", "ORG_CLAUDE_KEY_2"};
  const HeroTeam team = Read(files, {.org_keys = keys});
  CHECK(ProblemOf(team, "alice") ==
        "users/alice.toml:7:1: key_secret_name \"ORG_CLAUDE_KEY_9\" is no key of this organisation; known are: "
        "ORG_CLAUDE_KEY_1, ORG_CLAUDE_KEY_2");
  CHECK(ProblemOf(team, "bob").empty());  // An assignment that does not hold names nobody's key.
  CHECK(ProblemsOf(Read(files)).empty());
}

TEST_CASE("[SEC-09] hero_team: a tree that shows no sign of being one says nothing about anybody") {
  const auto reason = [](const std::map<std::string, std::string>& files) {
    const auto team = ReadHeroTeam(MemoryTree(files), kRules);
    return team ? "read, " + std::to_string(team->users.size()) + " users" : team.error().reason;
  };
  CHECK(reason({}) == "NotHeroTeam");
  CHECK(reason({{"src/main.cc", "int main() {}"}}) == "NotHeroTeam");
  CHECK(reason({{"users", "-> elsewhere"}, {"README.md", "us"}}) == "NotADirectory");
  CHECK(reason({{"manifest_templates", "text"}, {"users/alice.toml", FileOf("alice", 1)}}) == "NotADirectory");
  CHECK(reason({{"README.md", "us"}}) == "read, 0 users");
  CHECK(reason({{"manifest_templates/developer.toml", BoxHarness::kTemplate}}) == "read, 0 users");
}

TEST_CASE("[HTB-19] hero_team: 10 000 files are read once, and 9 999 wrong ones leave the good one alone") {
  std::map<std::string, std::string> users{{"good.toml", FileOf("good", 0)}};
  for (int i = 1; i < 10'000; ++i) users["u" + std::to_string(i) + ".toml"] = "name = " + std::to_string(i) + "\n";
  const MemoryTree tree(TeamOf(users));
  const auto first = ReadHeroTeam(tree, kRules);
  REQUIRE(first);
  CHECK(ProblemOf(*first, "good").empty());
  CHECK(ProblemCount(*first) == 9'999);
  const auto problems = ProblemsOf(*first);
  REQUIRE(problems.size() == 100);
  CHECK(problems.back().message == "and 9900 more files");
  const int reads = tree.reads;
  const auto second = ReadHeroTeam(tree, kRules, &*first);
  REQUIRE(second);
  CHECK(tree.reads == reads);
  CHECK(ProblemCount(*second) == 9'999);
}

}  // namespace
}  // namespace controllers
