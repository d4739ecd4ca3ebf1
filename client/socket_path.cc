#include "client/socket_path.h"

namespace client {

std::string FindSocket(std::string_view option, const Environment& environment) {
  if (!option.empty()) return std::string(option);
  if (const auto socket = environment("HERO_SOCKET"); socket && !socket->empty()) return *socket;
  std::string root = environment("HERO_ROOT").value_or("");
  while (root.ends_with('/')) root.pop_back();
  return root + "/run/hero/hero.sock";
}

}  // namespace client
