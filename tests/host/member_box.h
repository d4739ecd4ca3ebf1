#pragma once

#include <filesystem>
#include <string>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "host/passwd/homes.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace tests {

/// herod-home lies beside the test program.
inline std::string HelperPath() { return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "herod-home"; }

/// Gives alice (20000) what is hers as far as it is there: her home and .ssh where they are directories. Only root may
/// give things away; nobody else has to.
inline void GiveToAlice(const TempDir& root) {
  for (const std::string& path : {root / "home/alice", root / "home/alice/.ssh"}) {
    if (!IsRoot() || !std::filesystem::is_directory(std::filesystem::symlink_status(path))) return;
    REQUIRE(::lchown(path.c_str(), 20000, 20000) == 0);
  }
}

/// Homes of a real box below a root that is thrown away, with alice (20000) and bob (20001). Needs root.
struct MemberBox {
  MemberBox() {
    for (const auto& [name, uid] : {std::pair{"alice", 20000}, {"bob", 20001}}) {
      accounts.Put({.name = name, .uid = uid, .gid = uid, .home = std::string("/home/") + name, .shell = "/bin/bash"});
    }
  }

  std::string InHome(const std::string& path) const { return root / ("home/alice/" + path); }
  void GiveAway() const { GiveToAlice(root); }

  TempDir root;
  FakeAccounts accounts;
  host::linux::SpawnedProcesses processes;
  host::passwd::MemberHomes homes{
      {.root = root.Path(), .skeleton = root / "etc/skel", .helper = HelperPath()}, accounts, processes};
};

}  // namespace tests
