#include "host/box_paths.h"

#include <doctest/doctest.h>

namespace {

TEST_CASE("[HOST] BoxPaths: a real box has no root, a rootless one has everything below it") {
  struct Row {
    std::string root;
    std::string driver;
    const char* etc;
    const char* archive;
    const char* socket;
  };
  const Row rows[] = {
      {"", "driver", "/etc", "/home/driver/hero/var/team_sync/archive", "/run/hero/hero.sock"},
      {"/", "driver", "/etc", "/home/driver/hero/var/team_sync/archive", "/run/hero/hero.sock"},
      {"", "root", "/etc", "/root/hero/var/team_sync/archive", "/run/hero/hero.sock"},
      {"/tmp/box", "driver", "/tmp/box/etc", "/tmp/box/home/driver/hero/var/team_sync/archive",
       "/tmp/box/run/hero/hero.sock"},
      {"/tmp/box//", "driver", "/tmp/box/etc", "/tmp/box/home/driver/hero/var/team_sync/archive",
       "/tmp/box/run/hero/hero.sock"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.root);
    CAPTURE(row.driver);
    const host::BoxPaths paths = host::PathsOf(row.root, row.driver);
    CHECK(paths.etc == row.etc);
    CHECK(paths.archive == row.archive);
    CHECK(paths.control_socket == row.socket);
    CHECK(paths.mirrors.starts_with(paths.state + "/"));
    CHECK(paths.forge == paths.driver_home + "/hero/forge");
  }
}

TEST_CASE("[HOST] BoxPaths: a path as passwd has it is found below the root") {
  CHECK(host::PathsOf("", "driver").Inside("/home/alice") == "/home/alice");
  CHECK(host::PathsOf("/tmp/box/", "driver").Inside("/home/alice") == "/tmp/box/home/alice");
  CHECK(host::PathsOf("/tmp/box", "driver").Inside("home/alice") == "/tmp/box/home/alice");
}

}  // namespace
