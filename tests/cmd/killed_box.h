#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "client/wire_client.h"
#include "host/linux/clock.h"
#include "tests/cmd/program.h"
#include "tests/support/team_forge.h"
#include "tests/support/temp_dir.h"

/// The daemon as a process of its own, for tests that kill it.
namespace tests {

/// herod on a box below a directory.
class HerodProcess : public Program {
 public:
  HerodProcess(const std::string& config, const std::string& root)
      : Program("herod", {"--config", config, "--root", root}) {}
};

struct KilledBox {
  KilledBox() { std::ofstream(config) << "[team]\nurl = \"" << forge.url() << "\"\n"; }

  std::vector<std::string> Lines(const std::string& file) const {
    std::vector<std::string> lines;
    std::ifstream stream(root + file);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

  const TempDir dir;
  const std::string root = dir / "box";
  const std::string config = dir / "herod.toml";
  const TeamForge forge{dir.Path()};
  const host::linux::SystemClock clock;
  const client::Transport transport{{.socket_path = root + "/run/hero/hero.sock"}, clock};
  client::WireClient wire{transport};
};

}  // namespace tests
