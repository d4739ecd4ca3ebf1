// heroctl looks at a Hero Team Box through its daemon's socket, and changes its objects.
//
// Exit codes: 0 done; 1 an error, or a wait that was not met; 2 `plan` found something to do,
// `validate` something wrong.
// A pipe that is closed ends it by SIGPIPE, like every other tool in a pipeline.

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <pwd.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <variant>

#include "client/socket_path.h"
#include "client/transport.h"
#include "client/wire_client.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/flags.h"
#include "host/linux/clock.h"

namespace {

std::optional<std::string> FromEnvironment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

/// The account that runs this, by name where it has one.
std::string UserName() {
  const passwd* account = getpwuid(geteuid());
  return account ? account->pw_name : "uid:" + std::to_string(geteuid());
}

/// https://no-color.org, and terminals that have none.
bool HasColour() {
  return isatty(STDOUT_FILENO) == 1 && FromEnvironment("NO_COLOR").value_or("").empty() &&
         FromEnvironment("TERM") != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // A parent may have had it ignored.
  const auto parsed = heroctl::ParseFlags(argc, argv);
  if (const auto* finished = std::get_if<heroctl::Finished>(&parsed)) {
    (finished->exit_code == 0 ? std::cout : std::cerr) << finished->text;
    return finished->exit_code;
  }
  const auto& flags = *std::get_if<heroctl::Flags>(&parsed);
  const host::linux::SystemClock clock;
  const client::Transport transport(
      {.socket_path = client::FindSocket(flags.socket, FromEnvironment), .act_as = flags.act_as}, clock);
  client::WireClient wire(transport);
  const int code = heroctl::Run({.client = wire,
                                 .clock = clock,
                                 .in = std::cin,
                                 .out = std::cout,
                                 .err = std::cerr,
                                 .user = flags.act_as.empty() ? UserName() : flags.act_as,
                                 .is_terminal = HasColour()},
                                flags);
  std::cout.flush();
  if (std::cout) return code;
  std::cerr << "error: the output could not be written\n";
  return 1;
}
