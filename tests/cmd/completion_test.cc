#include "cmd/heroctl/completion.h"

#include <array>
#include <cstdio>
#include <fstream>

#include <doctest/doctest.h>

#include "tests/cmd/desk.h"
#include "tests/support/temp_dir.h"

using namespace tests;

namespace {

/// What a shell prints for a script that is a file. `heroctl` is a function that stands for the program.
std::string Bash(const std::string& completion, const std::string& words, int at) {
  TempDir dir;
  const std::string path = dir / "script";
  std::ofstream(path) << "heroctl() { case \"$*\" in 'kinds -o name') echo users; echo teams;;\n"
                         "'get users -o name') echo user.hero.dev/alice; echo user.hero.dev/bob;; esac; }\n"
                      << completion << "COMP_WORDS=(" << words << ") COMP_CWORD=" << at
                      << "\n_heroctl\necho \"${COMPREPLY[*]}\"\n";
  std::FILE* pipe = popen(("bash " + path + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string said;
  std::array<char, 4096> part{};
  for (std::size_t size = 0; (size = fread(part.data(), 1, part.size(), pipe)) > 0;) said.append(part.data(), size);
  CHECK(pclose(pipe) == 0);
  return said;
}

}  // namespace

TEST_CASE("[CTL] bash completes commands, options, kinds and names") {
  Desk desk;
  REQUIRE(desk.Type({"completion", "bash"}) == 0);
  struct Row {
    const char* words;
    int at;
    const char* completed;
  };
  const Row rows[] = {
      {"heroctl re", 1, "restore reconcile resume\n"},
      {"heroctl get us", 2, "users\n"},
      {"heroctl get users ''", 3, "alice bob\n"},
      {"heroctl describe users a", 3, "alice\n"},
      {"heroctl get -o wide us", 4, "users\n"},         // `wide` is no kind.
      {"heroctl --socket /s get users b", 5, "bob\n"},  // Nor is a socket a command.
      {"heroctl delete --igno", 2, "--ignore-not-found\n"},
      {"heroctl suspend --rea", 2, "--reason\n"},
      {"heroctl completion z", 2, "zsh\n"},
      {"heroctl apply -f some", 3, "\n"},  // Files, by the shell itself.
      {"heroctl version us", 2, "\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.words);
    CHECK(Bash(desk.out, row.words, row.at) == row.completed);
  }
}

TEST_CASE("[CTL] zsh and fish know every command with its help, and which options take a value") {
  Desk desk;
  REQUIRE(desk.Type({"completion", "zsh"}) == 0);
  CHECK(desk.out.starts_with("#compdef heroctl\n"));
  CHECK(desk.out.find("\n    'apply:Make objects as files have them; ") != std::string::npos);
  CHECK(desk.out.find('@') == std::string::npos);  // No mark was left standing.
  REQUIRE(desk.Type({"completion", "fish"}) == 0);
  CHECK(desk.out.find(" -a suspend -d 'Stop the work on objects'\n") != std::string::npos);
  CHECK(desk.out.find("complete -c heroctl -n '__heroctl_is get' -s o -r\n") != std::string::npos);
  CHECK(desk.out.find("complete -c heroctl -n '__heroctl_is get' -s w\n") != std::string::npos);
  CHECK(desk.out.find('@') == std::string::npos);
}

TEST_CASE("[CTL] completion of a shell that is not known names those that are") {
  Desk desk;
  CHECK(desk.Type({"completion", "tcsh"}) == 1);
  CHECK(desk.err == "error: completion is for bash, fish or zsh, not \"tcsh\"\n");
}
