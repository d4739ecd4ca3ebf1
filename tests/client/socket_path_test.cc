#include "client/socket_path.h"

#include <map>

#include <doctest/doctest.h>

using client::FindSocket;

TEST_CASE("[CTL] the socket is looked for in the order of the formats") {
  std::map<std::string, std::string, std::less<>> variables;
  const auto environment = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  CHECK(FindSocket("", environment) == "/run/hero/hero.sock");
  variables["HERO_ROOT"] = "/tmp/box/";
  CHECK(FindSocket("", environment) == "/tmp/box/run/hero/hero.sock");
  variables["HERO_SOCKET"] = "/tmp/other.sock";
  CHECK(FindSocket("", environment) == "/tmp/other.sock");
  CHECK(FindSocket("/given.sock", environment) == "/given.sock");
  variables["HERO_SOCKET"] = "";
  variables["HERO_ROOT"] = "";
  CHECK(FindSocket("", environment) == "/run/hero/hero.sock");
}
