#include "host/box_paths.h"

namespace host {

std::string BoxPaths::Inside(std::string_view path) const {
  std::string result = root;
  if (!path.starts_with('/')) result += '/';
  return result += path;
}

BoxPaths PathsOf(std::string_view root, std::string_view driver) {
  while (root.ends_with('/')) root.remove_suffix(1);
  BoxPaths paths{.root = std::string(root)};
  paths.etc = paths.Inside("/etc");
  paths.driver_home = paths.Inside(driver == "root" ? "/root" : "/home/" + std::string(driver));
  paths.state = paths.driver_home + "/hero/var/herod";
  paths.mirrors = paths.state + "/mirrors";
  paths.team_sync = paths.driver_home + "/hero/var/team_sync";
  paths.archive = paths.team_sync + "/archive";
  paths.forge = paths.driver_home + "/hero/forge";
  paths.control_socket = paths.Inside("/run/hero/hero.sock");
  paths.priv_socket = paths.Inside("/run/herod-priv.sock");
  return paths;
}

}  // namespace host
