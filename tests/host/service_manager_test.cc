#include "host/linux/service_manager.h"

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include "tests/host/priv_box.h"
#include "tests/support/temp_dir.h"

namespace {

using host::linux::ServiceManager;

/// The environment as systemd makes it, for one test.
struct Environment {
  Environment(std::initializer_list<std::pair<const char*, std::string>> variables) {
    for (const auto& [name, value] : variables) ::setenv(name, value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS"})
      ::unsetenv(name);
  }
};

TEST_CASE("[HTB-88] service manager: what is said arrives, and without a manager nobody is told") {
  const tests::TempDir directory;
  const tests::NotifySocket heard(directory / "notify");
  const Environment environment({{"NOTIFY_SOCKET", directory / "notify"}});
  ServiceManager::FromEnvironment().Say("READY=1");
  CHECK(heard.Next() == "READY=1");
  ::unsetenv("NOTIFY_SOCKET");
  ServiceManager::FromEnvironment().Say("READY=1");
}

TEST_CASE("[HTB-88] service manager: a watchdog and sockets that are another process's are not ours") {
  struct Row {
    std::string pid;
    bool is_ours;
  };
  for (const Row& row : {Row{std::to_string(::getpid()), true}, Row{"1", false}, Row{"nonsense", false}}) {
    CAPTURE(row.pid);
    const Environment environment(
        {{"WATCHDOG_USEC", "60000000"}, {"WATCHDOG_PID", row.pid}, {"LISTEN_PID", row.pid}, {"LISTEN_FDS", "2"}});
    const auto manager = ServiceManager::FromEnvironment();
    CHECK(manager.WatchdogInterval().has_value() == row.is_ours);
    if (row.is_ours) CHECK(*manager.WatchdogInterval() == std::chrono::seconds(60));
    CHECK(manager.TakeSocket().has_value() == !row.is_ours);  // Two are one too many.
  }
  // Without the process's number: a watchdog is ours (sd_watchdog_enabled(3)), sockets are not (sd_listen_fds(3)).
  const Environment environment({{"WATCHDOG_USEC", "60000000"}, {"LISTEN_FDS", "2"}});
  const auto manager = ServiceManager::FromEnvironment();
  CHECK(manager.WatchdogInterval().has_value());
  const auto none = manager.TakeSocket();
  REQUIRE(none);
  CHECK_FALSE(*none);
}

}  // namespace
