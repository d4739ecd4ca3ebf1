#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <stop_token>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include "client/transport.h"
#include "cmd/config/config.h"
#include "cmd/config/driver.h"
#include "cmd/herod/box.h"
#include "cmd/herod/flags.h"
#include "host/linux/clock.h"
#include "host/linux/log.h"
#include "host/linux/service_manager.h"
#include "host/linux/stop_signals.h"
#include "host/log.h"

namespace {

int Fail(const api::Error& error) {
  std::fprintf(stderr, "herod: %s\n", error.message.c_str());
  return 1;
}

/// Whether we are who a real box is kept by: the account that owns its state, and root least of all (design D-08).
api::Expected<void> CheckDriver(const herod::BoxSection& box) {
  const auto driver = herod::DriverNumber(box);
  if (!driver) return driver.error();
  if (::geteuid() == *driver) return {};
  return api::Error{api::Code::kForbidden, "NotTheDriver",
                    "this machine is kept by the account " + box.driver +
                        ": start herod.service, or keep a rootless box with --root DIR"};
}

/// A shell gives 1 024, systemd what herod.service says; connections, watches and the store take more. As far as we
/// may; what is missing then shows as connections that wait.
void RaiseDescriptorLimit() {
  constexpr rlim_t kWanted = 16'384;  // As herod.service.
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(kWanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Says again and again that requests are answered, as long as they are: systemd restarts what hangs.
void KeepAlive(const host::linux::ServiceManager& manager, const std::string& socket, std::stop_token stop) {
  const auto interval = manager.WatchdogInterval();
  if (!interval) return;
  const host::linux::SystemClock clock;
  const client::Transport transport({.socket_path = socket, .exchange_max = *interval / 4}, clock);
  std::mutex mutex;
  std::condition_variable_any waits;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    if (transport.Exchange({.target = "/livez"})) manager.Say("WATCHDOG=1");
    waits.wait_for(lock, stop, *interval / 4, [] { return false; });
  }
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto flags = herod::ParseFlags(argc, argv, exit_code);
  if (!flags) return exit_code;
  const auto manager = host::linux::ServiceManager::FromEnvironment();
  host::linux::StopSignals signals;
  RaiseDescriptorLimit();
  host::log::SetSink(host::linux::MakeStderrSink(host::log::Level::kInfo));

  auto config = herod::ReadConfig(flags->config);
  if (!config) return Fail(config.error());
  if (flags->root.empty()) {
    if (auto checked = CheckDriver(config->box); !checked) return Fail(checked.error());
  }
  auto box = herod::Box::Open(*config, flags->root, flags->is_observe_only);
  if (!box) return Fail(box.error());

  signals.Watch([&manager] { manager.Say("STOPPING=1"); });
  const std::string& socket = (*box)->paths().control_socket;
  const std::jthread alive([&](const std::stop_token& stop) { KeepAlive(manager, socket, stop); });
  manager.Say("READY=1");
  host::log::Info("serving", {{"socket", socket}});
  auto ran = (*box)->Run(signals.Token());
  return ran ? 0 : Fail(ran.error());
}
