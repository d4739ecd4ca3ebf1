// herod and herod-priv on this machine itself: what they refuse before they touch anything of it.
#include <chrono>
#include <pwd.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace {

/// What a program says when it does not start.
std::string Refusal(const std::string& program, const tests::TempDir& directory, const std::string& driver) {
  const std::string config = directory.Write(
      "herod.toml", "[team]\nurl = \"file:///srv/hero_team.git\"\n[box]\ndriver = \"" + driver + "\"\n");
  const auto finished = host::linux::SpawnedProcesses().Run(
      {.argv = {host::linux::ProgramBesideUs(program), "--config", config}, .deadline = std::chrono::seconds(60)}, {});
  REQUIRE(finished);
  CHECK(finished->exit_code == 1);
  return finished->err;
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("[SEC-45] herod: without --root it runs as the driver and as nobody else, root least of all") {
  const tests::TempDir directory;
  CHECK(Has(Refusal("herod", directory, "root"), "which is root; herod must not be"));
  CHECK(Has(Refusal("herod", directory, "nobody_of_that_name"), "there is no account nobody_of_that_name"));
  if (::geteuid() != 65534) CHECK(Has(Refusal("herod", directory, "nobody"), "start herod.service"));
}

TEST_CASE("[SEC-45] herod-priv: serves no driver who is root, and listens nowhere but where it is told" *
          tests::NeedsRoot()) {
  const tests::TempDir directory;
  CHECK(Has(Refusal("herod-priv", directory, "root"), "which is root; herod must not be"));
  CHECK(Has(Refusal("herod-priv", directory, "nobody"), "start herod-priv.socket"));
}

// It hung, for the threads beside the one that serves waited for a stop that nobody asks for.
TEST_CASE("[SEC-45] herod-priv: one that cannot serve says so and ends") {
  const tests::TempDir directory;
  const std::string no_socket = directory.Write("file", "");
  const auto finished = host::linux::SpawnedProcesses().Run(
      {.argv = {"sh", "-c", "LISTEN_PID=$$ exec \"$0\" --root \"$1\" 3<\"$2\"",
                host::linux::ProgramBesideUs("herod-priv"), directory.Path(), no_socket},
       .environment = {{"PATH", "/usr/bin:/bin"}, {"LISTEN_FDS", "1"}},
       .deadline = std::chrono::seconds(60)},
      {});
  REQUIRE(finished);
  CHECK(finished->exit_code == 1);
  CHECK(Has(finished->err, "serve herod"));
}

}  // namespace
