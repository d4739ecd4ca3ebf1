#include <filesystem>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "tests/cmd/desk.h"
#include "tests/support/ssh_key.h"
#include "tests/support/temp_dir.h"

/// validate, plan DIR and seed: hero_team without a box.
namespace tests {
namespace {

std::string UserFile(const std::string& name, const std::string& more = "") {
  return "name = \"" + name + "\"\nssh_pubkeys = [\"" + SshKey(name) +
         "\"]\ngroups = [\"developers\"]\nbranch_suffix = \"" + name + "\"\nmanifest_template = \"developer\"\n" + more;
}

/// A hero_team in a directory, with alice and a template.
struct TeamDirectory : TempDir {
  TeamDirectory() {
    Write("README.md", "us");
    Write("manifest_templates/developer.toml", "# Nothing yet.\n");
    Write("users/alice.toml", UserFile("alice"));
  }

  void Git(std::vector<std::string> arguments) const {
    host::linux::SpawnedProcesses processes;
    host::Command command{
        .argv = {"git", "-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"},
        .environment = {{"PATH", "/usr/bin:/bin"}, {"GIT_CONFIG_GLOBAL", "/dev/null"}, {"GIT_CONFIG_NOSYSTEM", "1"}},
        .directory = Path(),
        .deadline = std::chrono::seconds(30)};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    const auto finished = processes.Run(command, {});
    REQUIRE_MESSAGE(finished, finished.error().message);
    REQUIRE_MESSAGE(finished->exit_code == 0, finished->err);
  }
  /// All of it as the first commit of development, and a branch for changes.
  void CommitAll() const {
    Git({"init", "-q", "-b", "development"});
    Git({"add", "-A"});
    Git({"commit", "-qm", "first"});
    Git({"checkout", "-q", "-b", "change"});
  }
};

bool Has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("[HTB-01] validate: a good team exits with 0, and says that keys were not checked") {
  const TeamDirectory team;
  Desk desk;
  CHECK(desk.Type({"validate", team.Path()}) == 0);
  CHECK(desk.out == "1 member, 1 template: all files are good\n");
  CHECK(Has(desk.err, "--known-keys FILE"));
}

TEST_CASE("[HTB-01] validate: the example that the demo uses is good") {
  Desk desk;
  CHECK(desk.Type({"validate", "examples/hero_team"}) == 0);
  CHECK_MESSAGE(Has(desk.out, "2 templates: all files are good"), desk.out);
}

TEST_CASE("[HTB-19][SEC-49] validate: every wrong file is told with its place, and the exit code is 2") {
  const TeamDirectory team;
  team.Write("users/bob.toml", UserFile("bob", "sudo = true\n"));
  team.Write("users/big.toml", UserFile("big") + "# " + std::string(70'000, 'x'));
  team.Write("users/post.toml", UserFile("post", "email = \"nobody\"\n"));
  team.Write("users/writer.toml", "name = \"writer\"\nbranch_suffix = \"writer\"\nmanifest_template = \"writer\"\n");
  team.MakeDirectory("users/dir.toml");
  std::filesystem::create_symlink("alice.toml", team / "users/link.toml");
  REQUIRE(::mkfifo((team / "users/pipe.toml").c_str(), 0600) == 0);
  Desk desk;
  CHECK(desk.Type({"validate", team.Path()}) == 2);
  for (const char* part :
       {"users/bob.toml:6:1: sudo: unknown field", "users/big.toml: has more than 65536 bytes",
        "users/post.toml:6:1: email: must be of type email", "users/writer.toml:3:1: manifest_template \"writer\"",
        "users/dir.toml: is no regular file", "users/link.toml: is no regular file",
        "users/pipe.toml: is no regular file", "8 members, 1 template: 7 files are wrong"})
    CHECK_MESSAGE(Has(desk.out, part), desk.out);
}

TEST_CASE("[HTB-04] validate: names of keys are checked against a file, one a line") {
  const TeamDirectory team;
  team.Write("users/alice.toml",
             UserFile("alice", "[claude_org_key]\nenabled = true\nkey_secret_name = \"ORG_CLAUDE_KEY_3\"\n"));
  const TempDir other;
  other.Write("keys", "# Ours\nORG_CLAUDE_KEY_1\n\n  ORG_CLAUDE_KEY_2  # the second\n");
  Desk desk;
  CHECK(desk.Type({"validate", team.Path(), "--known-keys", other / "keys"}) == 2);
  CHECK_MESSAGE(Has(desk.out, "known are: ORG_CLAUDE_KEY_1, ORG_CLAUDE_KEY_2"), desk.out);
  CHECK(desk.err.empty());
  other.Write("keys", "ORG_CLAUDE_KEY_3");
  CHECK(desk.Type({"validate", team.Path(), "--known-keys", other / "keys"}) == 0);
  CHECK(desk.Type({"validate", team.Path(), "--known-keys", other / "absent"}) == 1);
}

TEST_CASE("[HTB-01] validate: groups and organisations are those of the box, as given") {
  const TeamDirectory team;
  team.Write("manifest_templates/developer.toml",
             "[[bind]]\nservice = \"x\"\nrepo = \"ours/x\"\nbranch = \"b\"\nfrom = \"build\"\n");
  team.Write("users/alice.toml", UserFile("alice"));
  Desk desk;
  CHECK(desk.Type({"validate", team.Path()}) == 2);
  CHECK(desk.Type({"validate", team.Path(), "--orgs", "ours", "--groups", "developers,design"}) == 0);
  CHECK(desk.Type({"validate", team.Path(), "--orgs", "ours", "--groups", "design"}) == 2);
}

TEST_CASE("[HTB-01] validate: what is no hero_team is invalid, what is not there is an error") {
  const TempDir dir;
  dir.Write("src/main.cc", "");
  Desk desk;
  CHECK(desk.Type({"validate", dir.Path()}) == 2);
  CHECK(Has(desk.err, "no hero_team"));
  CHECK(desk.Type({"validate", dir / "absent"}) == 1);
}

TEST_CASE("[HTB-18] plan DIR: nothing to do exits with 0, changes with 2, a wrong file with 1") {
  const TeamDirectory team;
  team.Write("users/bob.toml", UserFile("bob"));
  team.CommitAll();
  Desk desk;
  CHECK(desk.Type({"plan", team.Path()}) == 0);
  CHECK_MESSAGE(desk.out == "Nothing to do.\n", (desk.out + desk.err));

  team.Write("users/alice.toml", UserFile("alice", "email = \"alice@example.org\"\n"));
  team.Write("users/carol.toml", UserFile("carol"));
  std::filesystem::remove(team / "users/bob.toml");
  CHECK(desk.Type({"plan", team.Path()}) == 2);
  CHECK(desk.out ==
        "teams.hero.dev/team\n  update User alice: differs in email\n  create User carol: is missing\n"
        "  remove User bob: users/bob.toml is gone from hero_team\n3 steps for 1 object.\n");

  team.Write("users/carol.toml", "name = 3\n");
  CHECK(desk.Type({"plan", team.Path()}) == 1);
  CHECK(Has(desk.out, "users/carol.toml:1:1: name: must be string, not integer"));
}

TEST_CASE(
    "[SEC-09] plan DIR: removals that will wait for an operator are marked, also those of a last member's users/") {
  const TeamDirectory team;
  team.Write("users/bob.toml", UserFile("bob"));
  team.CommitAll();
  std::filesystem::remove_all(team / "users");
  Desk desk;
  CHECK(desk.Type({"plan", team.Path()}) == 2);
  CHECK_MESSAGE(Has(desk.out, "remove User alice: users/alice.toml is gone from hero_team [waits for approval]"),
                desk.out);
}

TEST_CASE("[HTB-18] plan DIR: against the commit that is named, or where the branch left development") {
  const TeamDirectory team;
  team.CommitAll();
  team.Write("users/bob.toml", UserFile("bob"));
  team.Git({"add", "-A"});
  team.Git({"commit", "-qm", "second"});
  Desk desk;
  CHECK(desk.Type({"plan", team.Path()}) == 2);
  CHECK(Has(desk.out, "create User bob"));
  CHECK(desk.Type({"plan", team.Path(), "--against", "HEAD"}) == 0);
  CHECK(desk.Type({"plan", team.Path(), "--against", "nowhere"}) == 1);
  CHECK(desk.Type({"plan", team.Path(), "--against", "--output=/tmp/x"}) == 1);
  team.Git({"branch", "-D", "development"});
  CHECK(desk.Type({"plan", team.Path()}) == 1);
  CHECK_MESSAGE(Has(desk.err, "--against"), desk.err);
}

TEST_CASE("[HTB-07] seed: a hero_team of the people of a box, which is valid") {
  const TempDir box;
  box.Write("etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nmysql:x:110:110::/nonexistent:/bin/false\n"
            "alice:x:1000:1000:Alice \"A\" Example,,,:/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/bash\n"
            "carol:x:1002:1002::/home/carol:/bin/bash\nDave:x:1003:1003::/home/dave:/bin/bash\n"
            "ubuntu:x:1004:1004::/home/ubuntu:/bin/bash\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n");
  box.Write("etc/group", "developers:x:1100:alice,bob\nsudo:x:27:alice\nalice:x:1000:\nbob:x:1001:\ncarol:x:1002:\n");
  box.Write("etc/shadow",
            "alice:*:20000:0:99999:7:::\nbob:!$6$salt$hash:20000:0:99999:7:::\ncarol:*:20000:0:99999:7::1:\n");
  box.Write("home/alice/.ssh/authorized_keys",
            "# mine\n" + SshKey("alice") + "\n" + SshKey("work") + "\ncommand=\"sh\" " + SshKey("robot") + "\n");
  box.Write("home/bob/.ssh/authorized_keys", SshKey("work") + "\n");
  std::filesystem::create_directories(box / "home/carol/.ssh");
  std::filesystem::create_symlink("/etc/hostname", box / "home/carol/.ssh/authorized_keys");
  const TempDir out;
  Desk desk;
  const int code = desk.Type({"seed", "--passwd", box / "etc/passwd", out / "hero_team"});
  CHECK_MESSAGE(code == 0, (desk.out + desk.err));
  CHECK_MESSAGE(Has(desk.out, "3 accounts were taken over"), desk.out);
  CHECK_MESSAGE(Has(desk.out, "[accounts]\nadoptable = [\"alice\", \"bob\", \"carol\"]\n"), desk.out);
  CHECK(Has(desk.out, "4 members, 2 templates: all files are good"));
  const std::string alice = out.Read("hero_team/users/alice.toml");
  CHECK(Has(alice, "name              = \"alice\"\n"));
  CHECK(Has(alice, "display_name      = \"Alice \\\"A\\\" Example\"\n"));
  CHECK(Has(alice, SshKey("alice")));
  CHECK(Has(alice, SshKey("work")));
  CHECK_FALSE(Has(alice, SshKey("robot")));
  CHECK(Has(alice, "groups            = [\"developers\"]\n"));
  CHECK(Has(alice, "adopt             = true"));
  CHECK_FALSE(Has(alice, "deactivated"));
  CHECK(Has(out.Read("hero_team/users/bob.toml"), "deactivated       = true\n"));
  CHECK(Has(out.Read("hero_team/users/bob.toml"), "ssh_pubkeys       = []\n"));
  CHECK(Has(out.Read("hero_team/users/carol.toml"), "deactivated       = true\n"));
  CHECK(Has(out.Read("hero_team/users/integration.toml"), "manifest_template = \"integration\"\n"));
  CHECK(out.Read("hero_team/users/mysql.toml") == "(absent)");
  for (const char* part : {"Dave: left out", "ubuntu: left out", "alice: keeps the group sudo",
                           "alice: line 4 of home/alice/.ssh/authorized_keys was left out",
                           "bob: a key was left out, for it is also that of alice", "carol: no keys were read"})
    CHECK_MESSAGE(Has(desk.err, part), desk.err);
}

TEST_CASE("[HTB-07] seed: writes into nothing that is there, and a passwd that is none is an error") {
  const TempDir dir;
  dir.Write("etc/passwd", "alice:x:1000:1000::/home/alice:/bin/bash\n");
  dir.Write("full/mine", "x");
  Desk desk;
  CHECK(desk.Type({"seed", "--passwd", dir / "etc/passwd", dir / "full"}) == 1);
  CHECK(Has(desk.err, "not empty"));
  CHECK(dir.Read("full/README.md") == "(absent)");
  CHECK(desk.Type({"seed", "--passwd", dir / "etc/nothing", dir / "new"}) == 1);
  dir.Write("etc/broken", "alice:x\n");
  CHECK(desk.Type({"seed", "--passwd", dir / "etc/broken", dir / "new"}) == 1);
  CHECK(Has(desk.err, "1"));
  CHECK(desk.Type({"seed", "--passwd", dir / "etc/passwd", dir / "new"}) ==
        0);  // Without shadow nobody counts as locked.
  CHECK_FALSE(Has(dir.Read("new/users/alice.toml"), "deactivated"));
}

}  // namespace
}  // namespace tests
