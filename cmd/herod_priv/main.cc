#include <cstdio>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <thread>
#include <unistd.h>
#include <utility>

#include "cmd/config/config.h"
#include "cmd/config/driver.h"
#include "cmd/herod_priv/flags.h"
#include "cmd/herod_priv/privileged.h"
#include "host/linux/log.h"
#include "host/linux/service_manager.h"
#include "host/linux/stop_signals.h"
#include "host/log.h"
#include "host/priv/socket.h"

namespace {

using api::Code;
using api::Error;
using api::Expected;
using host::linux::Fd;

int Fail(const Error& error) {
  std::fprintf(stderr, "herod-priv: %s\n", error.message.c_str());
  return 1;
}

/// Of a throw-away box the flags say all, of a real one a file of root's.
Expected<herod_priv::PrivilegedOptions> OptionsOf(const herod_priv::Flags& flags) {
  if (!flags.root.empty()) {
    const std::string root = std::filesystem::absolute(flags.root).lexically_normal().string();
    return herod_priv::PrivilegedOptions{.root = root.ends_with('/') ? root.substr(0, root.size() - 1) : root,
                                         .caller = ::geteuid(),
                                         .groups = flags.groups,
                                         .adoptable = flags.adoptable};
  }
  if (::geteuid() != 0)
    return Error{Code::kForbidden, "NotRoot", "this needs root; for a throw-away box give --root DIR --socket PATH"};
  const auto config = herod::ReadConfig(flags.config);
  if (!config) return config.error();
  const auto driver = herod::DriverNumber(config->box);
  if (!driver) return driver.error();
  return herod_priv::PrivilegedOptions{
      .caller = *driver, .groups = config->accounts.groups, .adoptable = config->accounts.adoptable};
}

Expected<Fd> ListenerOf(const herod_priv::Flags& flags, const host::linux::ServiceManager& manager) {
  if (!flags.socket.empty()) return host::priv::Listen(flags.socket);
  auto given = manager.TakeSocket();
  if (!given) return given.error();
  if (*given) return **std::move(given);
  return Error{Code::kInvalid, "NoSocket", "systemd gave no socket; start herod-priv.socket, or give --socket PATH"};
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto flags = herod_priv::ParseFlags(argc, argv, exit_code);
  if (!flags) return exit_code;
  const auto manager = host::linux::ServiceManager::FromEnvironment();
  host::linux::StopSignals signals;
  host::log::SetSink(host::linux::MakeStderrSink(host::log::Level::kInfo));

  auto options = OptionsOf(*flags);
  if (!options) return Fail(options.error());
  const auto listener = ListenerOf(*flags, manager);
  if (!listener) return Fail(listener.error());
  auto privileged = herod_priv::Privileged::Open(*std::move(options));
  if (!privileged) return Fail(privileged.error());

  signals.Watch([&manager] { manager.Say("STOPPING=1"); });
  manager.Say("READY=1");
  host::log::Info("serving");
  const auto ran = (*privileged)->Run(*listener, signals.Token());
  return ran ? 0 : Fail(ran.error());
}
