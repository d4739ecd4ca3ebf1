#pragma once

#include <optional>
#include <string>
#include <vector>

namespace herod_priv {

struct Flags {
  std::string config = "/etc/hero/herod.toml";
  std::string root{};    ///< Not empty: a throw-away box below this directory, for whoever starts us.
  std::string socket{};  ///< Listen here instead of on the service manager's socket.
  std::vector<std::string> groups{"developers", "hero"};  ///< With root: what may be assigned.
  std::vector<std::string> adoptable{};                   ///< With root: accounts that herod did not make and may have.
};

/// What the command line says. No value: it was answered (--help, --version) or wrong, and `exit_code` says how to end.
std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code);

}  // namespace herod_priv
