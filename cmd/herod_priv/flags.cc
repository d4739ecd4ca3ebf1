#include "cmd/herod_priv/flags.h"

#include <CLI/CLI.hpp>

#include "api/meta/version.h"

namespace herod_priv {

std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code) {
  Flags flags;
  CLI::App app("Does for herod what needs root: accounts, homes, sessions. See docs/herod-priv.md.", "herod-priv");
  app.add_option("--config", flags.config, "The configuration, herod.toml")->capture_default_str();
  app.add_option("--root", flags.root, "Serve a throw-away box below this directory, for tests");
  app.add_option("--socket", flags.socket, "Listen here; else systemd gives the socket");
  app.add_option("--groups", flags.groups, "With --root: the groups that may be assigned")->delimiter(',');
  app.add_option("--adoptable", flags.adoptable, "With --root: accounts that may be adopted")->delimiter(',');
  app.set_version_flag("--version", std::string("herod-priv ") + std::string(api::kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error);
    return std::nullopt;
  }
  return flags;
}

}  // namespace herod_priv
