#include "cmd/herod/flags.h"

#include <CLI/CLI.hpp>

#include "api/meta/version.h"

namespace herod {

std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code) {
  Flags flags;
  CLI::App app("The daemon of a Hero Team Box: makes the box what git declares, and keeps it so.", "herod");
  app.add_option("--config", flags.config, "The configuration, herod.toml")->capture_default_str();
  app.add_option("--root", flags.root, "Keep a rootless box below this directory instead of this machine");
  app.add_flag("--observe-only", flags.is_observe_only,
               "Look and report, and change nothing; what would be done is in the objects' conditions");
  app.set_version_flag("--version", std::string("herod ") + std::string(api::kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error);
    return std::nullopt;
  }
  return flags;
}

}  // namespace herod
