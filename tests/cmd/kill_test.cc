// The daemon as a process of its own: killed in the middle of its work, and asked for twice.
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "client/wait.h"
#include "host/linux/processes.h"
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
  const auto second =
      processes.Run({.argv = {HerodPath(), "--config", box.config, "--root", box.root}, .deadline = seconds(20)}, {});
  REQUIRE(second);
  CHECK(second->exit_code == 1);
  CHECK(second->err.starts_with("herod: " + box.root));
  CHECK(second->err.ends_with("/store.db is held by another process; stop the other herod first\n"));
  const auto ready =
      client::WaitUntil(box.wire, {{"users.hero.dev", "", "alice"}}, *client::ParseWaitFor("condition=Ready"),
                        seconds(60), box.clock, {}, [](const api::ObjectKey&) {});
  CHECK(ready);
}

}  // namespace
}  // namespace tests
