// The daemon as a process of its own: killed in the middle of its work, and asked for twice.
#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <doctest/doctest.h>

#include "client/wait.h"
#include "host/linux/processes.h"
#include "server/tcp_socket.h"
#include "tests/cmd/killed_box.h"
#include "tests/support/ssh_key.h"

namespace tests {
namespace {

using std::chrono::seconds;

constexpr int kMembers = 12;

TEST_CASE("[HTB-89][ENGINE-19] kill -9 of the whole daemon within its passes: started again, it makes the box right") {
  KilledBox box;
  std::vector<api::ObjectKey> users;
  for (int i = 0; i < kMembers; ++i) {
    const std::string name = "m" + std::to_string(i);
    box.forge.WriteUser(name);
    users.push_back({"users.hero.dev", "", name});
  }
  box.forge.Push();
  // Each start gets a little further: the sync, accounts that join one rewrite, homes, keys.
  for (const int steps : {1, 2, 5, 9, 14}) {
    CAPTURE(steps);
    HerodProcess herod(box.config, box.root);
    REQUIRE(herod.ReadUntil(" step ", steps));
    herod.Kill();
  }
  HerodProcess herod(box.config, box.root);
  REQUIRE(herod.ReadUntil(" started ", 1));
  const auto ready = client::WaitUntil(box.wire, users, *client::ParseWaitFor("condition=Ready"), seconds(60),
                                       box.clock, {}, [](const api::ObjectKey&) {});
  REQUIRE_MESSAGE(ready, ready.error().message);

  std::set<std::string> names;
  std::set<std::string> numbers;
  int members = 0;
  for (const std::string& line : box.Lines("/etc/passwd")) {
    if (!line.starts_with("m")) continue;
    ++members;
    const std::size_t number = line.find(':', line.find(':') + 1) + 1;
    names.insert(line.substr(0, line.find(':')));
    numbers.insert(line.substr(number, line.find(':', number) - number));
  }
  CHECK(members == kMembers);  // Each once,
  CHECK(names.size() == kMembers);
  CHECK(numbers.size() == kMembers);  // and with a number of its own.
  for (const std::string& name : names)
    CHECK(box.Lines("/home/" + name + "/.ssh/authorized_keys").back() == SshKey(name));
  const auto plan = box.wire.Fetch("/hero/v1/plan");
  REQUIRE(plan);
  CHECK(plan->Find("steps")->size() == 0);
  CHECK(plan->Find("problems")->size() == 0);
}

TEST_CASE("[SEC-61] a second herod on the same root ends with what to do, and the first goes on") {
  KilledBox box;
  box.forge.WriteUser("alice");
  box.forge.Push();
  HerodProcess herod(box.config, box.root);
  REQUIRE(herod.ReadUntil(" started ", 1));
  host::linux::SpawnedProcesses processes;
  const auto second = processes.Run(
      {.argv = {ProgramPath("herod"), "--config", box.config, "--root", box.root}, .deadline = seconds(20)}, {});
  REQUIRE(second);
  CHECK(second->exit_code == 1);
  CHECK(second->err.starts_with("herod: " + box.root));
  CHECK(second->err.ends_with("/store.db is held by another process; stop the other herod first\n"));
  const auto ready =
      client::WaitUntil(box.wire, {{"users.hero.dev", "", "alice"}}, *client::ParseWaitFor("condition=Ready"),
                        seconds(60), box.clock, {}, [](const api::ObjectKey&) {});
  CHECK(ready);
}

TEST_CASE("[SEC-61][D-06] herod on a TLS address that is taken ends with the address and what to do") {
  KilledBox box;
  const server::TcpSocket taken = *server::TcpSocket::Listen("127.0.0.1:0", *server::TcpAddress::Parse("127.0.0.1:0"));
  const std::string address = "127.0.0.1:" + std::to_string(taken.port());
  std::ofstream(box.config, std::ios::app) << "[serve]\ntls_address = \"" << address << "\"\n";
  Program herod("herod", {"--config", box.config, "--root", box.root});
  CHECK(herod.ReadErrors().ends_with("herod: cannot bind " + address +
                                     ": Address already in use; another herod or program listens there (ss -ltnp "
                                     "names it): stop it, or choose another [serve].tls_address\n"));
  const int status = herod.Wait();
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
}

TEST_CASE("[SEC-46] herod takes as many descriptors as its connections need, whatever the shell that starts it says") {
  KilledBox box;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit low{512, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  HerodProcess herod(box.config, box.root);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(herod.ReadUntil(" started ", 1));
  rlimit of_herod{};
  REQUIRE(prlimit(herod.pid(), RLIMIT_NOFILE, nullptr, &of_herod) == 0);
  CHECK(of_herod.rlim_cur == std::min<rlim_t>(16384, before.rlim_max));
}

}  // namespace
}  // namespace tests
