// What every source of names beside the files promises, the fake one too; then what is getent's alone.
#include "host/passwd/name_service.h"

#include <algorithm>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "tests/support/fake_name_service.h"

namespace {

using api::Code;
using host::passwd::Identities;
using host::passwd::NameService;
using Entries = std::vector<NameService::Entry>;

constexpr const char* kNobodys = "no_such_account_here";

/// The names of the machine: root, with the number 0, is on every one.
struct Machine {
  host::linux::SpawnedProcesses processes;
  host::passwd::Getent names{processes};
};

struct Fake {
  Fake() {
    names.AddAccount("root", 0);
    names.AddGroup("root", 0);
    names.AddAccount("lisa", 70000);
  }

  tests::FakeNameService names;
};

/// All of them are root's, and there is one.
void CheckIsRoot(const Entries& entries) {
  CHECK_FALSE(entries.empty());
  CHECK(std::all_of(entries.begin(), entries.end(), [](const auto& one) { return one.name == "root" && one.id == 0; }));
}

TEST_CASE_TEMPLATE("[SEC-05] name service: an account is found by name and by number, and as a group of its name",
                   Backend, Machine, Fake) {
  Backend backend;
  const Identities rows[] = {{.accounts = {"root"}}, {.ids = {0}}, {.accounts = {"root", kNobodys}, .ids = {0}}};
  for (const Identities& asked : rows) {
    const auto known = backend.names.Ask(asked);
    REQUIRE(known);
    CheckIsRoot(known->accounts);
    CheckIsRoot(known->groups);
  }
}

TEST_CASE_TEMPLATE("[SEC-05] name service: a group is found by name, and no account for it", Backend, Machine, Fake) {
  Backend backend;
  const auto known = backend.names.Ask({.groups = {"root", kNobodys}});
  REQUIRE(known);
  CHECK(known->accounts.empty());
  CheckIsRoot(known->groups);
}

TEST_CASE_TEMPLATE("[SEC-05] name service: what nobody has, and what nobody asks for, is no error and nothing", Backend,
                   Machine, Fake) {
  Backend backend;
  const Identities rows[] = {{}, {.accounts = {kNobodys}}, {.groups = {kNobodys}}, {.ids = {987'654'321}}};
  for (const Identities& asked : rows) {
    const auto known = backend.names.Ask(asked);
    REQUIRE(known);
    CHECK(known->accounts.empty());
    CHECK(known->groups.empty());
  }
}

TEST_CASE_TEMPLATE("[SEC-05] name service: of thousands of names at once, more than one call takes, none is missed",
                   Backend, Machine, Fake) {
  Backend backend;
  Identities asked{.accounts = {"root"}};
  for (int i = 0; i < 2500; ++i) asked.accounts.insert("no_such_" + std::to_string(i));
  const auto known = backend.names.Ask(asked);
  REQUIRE(known);
  CheckIsRoot(known->accounts);
}

/// Ends every command in the same way.
class OneAnswer final : public host::Processes {
 public:
  explicit OneAnswer(api::Expected<host::Finished> answer) : answer_(std::move(answer)) {}

  api::Expected<host::Finished> Run(const host::Command&, std::stop_token) override { return answer_; }

 private:
  const api::Expected<host::Finished> answer_;
};

TEST_CASE("[SEC-05] name service: a getent that is not there, hangs, fails or dies is unknown, never nobody") {
  struct Row {
    api::Expected<host::Finished> answer;
    std::string_view says;
  };
  const Row rows[] = {
      {api::Error{Code::kNotFound, "NotFound", "run getent: no such file"}, "no such file"},
      {api::Error{Code::kTimeout, "DeadlineExceeded", "run getent: killed after 5000 ms"}, "killed after"},
      {host::Finished{.exit_code = 1}, "it ended with 1"},  // An unknown database.
      {host::Finished{.exit_code = 3}, "it ended with 3"},  // No enumeration.
      {host::Finished{.exit_code = -1, .signal = 9}, "it ended with -1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.says);
    OneAnswer processes(row.answer);
    host::passwd::Getent names(processes);
    const auto known = names.Ask({.accounts = {"alice"}});
    REQUIRE_FALSE(known);
    CHECK(known.error().code == Code::kUnavailable);
    CHECK(known.error().message.find(row.says) != std::string::npos);
    CHECK(known.error().message.find("nsswitch.conf") != std::string::npos);  // Where to look.
  }
}

TEST_CASE("[SEC-05] name service: lines that have not the form of an answer are passed over") {
  OneAnswer processes(
      host::Finished{.out = "lisa:x:70000:70000:Lisa:/home/lisa:/bin/sh\nno colon\n\nx:y\nz:x:none:1\n"});
  host::passwd::Getent names(processes);
  const auto known = names.Ask({.accounts = {"lisa"}});
  REQUIRE(known);
  REQUIRE(known->accounts.size() == 1);
  CHECK(known->accounts.front().name == "lisa");
  CHECK(known->accounts.front().id == 70000);
}

TEST_CASE("[HOST] fake name service: every call fails once it was told to") {
  Fake backend;
  backend.names.Fail({Code::kUnavailable, "NameServiceUnavailable", "the directory is down"});
  CHECK(backend.names.Ask({.accounts = {"root"}}).error().code == Code::kUnavailable);
}

}  // namespace
