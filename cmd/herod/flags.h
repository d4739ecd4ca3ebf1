#pragma once

#include <optional>
#include <string>

namespace herod {

struct Flags {
  std::string config = "/etc/hero/herod.toml";
  std::string root{};  ///< Not empty: a rootless box below this directory; else this machine.
  bool is_observe_only = false;
};

/// What the command line says. No value: it was answered (--help, --version) or wrong, and `exit_code` says how to end.
std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code);

}  // namespace herod
