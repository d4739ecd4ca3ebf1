// SEC-53: killed before or after any write of a member's making, change, end and return, the next start comes to the
// same end, and no account is left half made.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/v1/user.h"
#include "controllers/user/user_controller.h"
#include "crds/catalog.h"
#include "reconciler/builtin_kinds.h"
#include "reconciler/manager.h"
#include "reconciler/registry.h"
#include "reconciler/typed.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/fake_archives.h"
#include "tests/support/fake_forge.h"
#include "tests/support/fake_homes.h"
#include "tests/support/harness.h"
#include "tests/support/kill_phases.h"
#include "tests/support/kill_switch.h"

namespace tests {
namespace {

using api::v1::User;

class KillingAccounts final : public FakeAccounts {
 public:
  explicit KillingAccounts(KillSwitch& kill) : kill_(kill) {}

  api::Expected<host::Account> Ensure(const host::AccountWish& wish) override {
    return kill_.Around([&] { return FakeAccounts::Ensure(wish); });
  }

 private:
  KillSwitch& kill_;
};

class KillingHomes final : public FakeHomes {
 public:
  explicit KillingHomes(KillSwitch& kill) : kill_(kill) {}

  api::Expected<void> EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) override {
    return kill_.Around([&] { return FakeHomes::EnsureHome(home, uid, gid); });
  }
  api::Expected<void> WriteAuthorizedKeys(std::string_view home, std::string_view content) override {
    return kill_.Around([&] { return FakeHomes::WriteAuthorizedKeys(home, content); });
  }

 private:
  KillSwitch& kill_;
};

class KillingForge final : public FakeForge {
 public:
  explicit KillingForge(KillSwitch& kill) : kill_(kill) {}

  api::Expected<void> EnsurePrivateRepository(std::string_view repository,
                                              const std::map<std::string, std::string>& files,
                                              std::stop_token stop) override {
    return kill_.Around([&] { return FakeForge::EnsurePrivateRepository(repository, files, std::move(stop)); });
  }
  api::Expected<bool> EnsureCollaborator(std::string_view repository, std::string_view login,
                                         std::stop_token stop) override {
    return kill_.Around([&] { return FakeForge::EnsureCollaborator(repository, login, std::move(stop)); });
  }
  api::Expected<void> RemoveCollaborator(std::string_view repository, std::string_view login,
                                         std::stop_token stop) override {
    return kill_.Around([&] { return FakeForge::RemoveCollaborator(repository, login, std::move(stop)); });
  }

 private:
  KillSwitch& kill_;
};

class KillingArchives final : public FakeArchives {
 public:
  explicit KillingArchives(KillSwitch& kill) : kill_(kill) {}

  api::Expected<host::Packed> Pack(std::string_view home, std::string_view file_name, std::stop_token stop) override {
    return kill_.Around([&] { return FakeArchives::Pack(home, file_name, std::move(stop)); });
  }

 private:
  KillSwitch& kill_;
};

/// A box and a store that outlive every process, and a process.
struct UserMachine {
  UserMachine() { Start(); }

  void Start() {
    process.reset();
    process = std::make_unique<reconciler::Manager>(client, *store, catalog,
                                                    reconciler::Machine{.clock = clock, .entropy = entropy});
    process->Add(std::make_unique<controllers::UserController>(
                     controllers::UserSeams{accounts, homes, archives, &forge}, host::PathsOf("/box", "driver"),
                     controllers::UserOptions{
                         .managed_groups = {"developers", "hero"}, .box = "box1", .private_org = "acme-private"}),
                 {.name = "user"});
  }

  /// Runs until nothing is to be done, retries included. False when the process was killed.
  bool Run() {
    try {
      for (int quiet = 0; quiet < 3; ++quiet) {
        int left = Harness::kStepsMax;
        while (process->Step()) REQUIRE(--left > 0);
        clock.Advance(std::chrono::minutes(6));  // Beyond every backoff.
      }
      return true;
    } catch (const Killed&) {
      return false;
    }
  }

  /// All that people can see afterwards, without what differs from life to life.
  std::string End() {
    std::string text;
    if (const auto account = accounts.Get("alice")) {
      text += "account " + std::to_string(account->uid) + (account->is_expired ? " expired" : "");
      for (const std::string& group : account->groups) text += " " + group;
      text += "\n";
    }
    text += homes.Get("/home/alice").authorized_keys;
    const auto secrets = forge.Get("acme-private/secrets_alice");
    text += secrets && secrets->collaborators.contains("al") ? "shared\n" : "";
    text += "archives " + std::to_string(archives.Names().size()) + "\n";
    for (const char* resource : {"users.hero.dev", "namespaces", "slots.hero.dev"}) {
      for (const auto& snapshot : store->List(resource, "").items) {
        const auto object = api::codec::ParseObject(snapshot->text);
        const auto common = api::codec::CommonStatusOf(*object);
        const api::Condition* ready = common.Find(api::kReady);
        text += std::string(resource) + " " + snapshot->key.name + " " + (ready ? ready->reason : "-") + " " +
                api::codec::WriteJson(*object->body.Find("spec")) + "\n";
      }
    }
    return text;
  }

  void Declare(const std::vector<std::string>& groups, bool deactivated) {
    REQUIRE(reconciler::Put(registry,
                            User{.metadata = {.name = "alice"},
                                 .spec = {.name = "alice",
                                          .uid = 20000,
                                          .ssh_pubkeys = {"ssh-ed25519 AAAA alice"},
                                          .groups = groups,
                                          .deactivated = deactivated,
                                          .forge_login = "al",
                                          .source = {.path = "users/alice.toml"}}},
                            {.actor = "test"}));
  }

  FakeClock clock;
  SeededEntropy entropy;
  KillSwitch kill;
  KillingAccounts accounts{kill};
  KillingHomes homes{kill};
  KillingArchives archives{kill};
  KillingForge forge{kill};
  const api::schema::Catalog catalog = [] {
    auto kinds = *crds::LoadCatalog();
    for (auto& kind : reconciler::BuiltinKinds()) (void)kinds.Add(std::move(kind));
    return kinds;
  }();
  const std::unique_ptr<reconciler::Store> store = *reconciler::Store::Open({.path = ":memory:"});
  reconciler::Registry registry{*store, catalog, clock, entropy};
  KillingClient client{registry, kill};
  std::unique_ptr<reconciler::Manager> process;
};

const std::vector<Phase<UserMachine>>& Phases() {
  static const std::vector<Phase<UserMachine>> kPhases = {
      {"from nothing", [](UserMachine& m) { m.Declare({"developers"}, false); }},
      {"another group", [](UserMachine& m) { m.Declare({}, false); }},
      {"deactivated", [](UserMachine& m) { m.Declare({}, true); }},
      {"back again", [](UserMachine& m) { m.Declare({"developers"}, false); }},
      {"removed",
       [](UserMachine& m) {
         m.archives.PutWork("/home/alice");
         REQUIRE(m.registry.Delete({"users.hero.dev", "", "alice"}, {}));
       }},
      {"reinstated", [](UserMachine& m) { m.Declare({"developers"}, false); }},
  };
  return kPhases;
}

/// The end of a life up to that phase in which nothing dies.
std::string EndOf(std::size_t phase) {
  UserMachine machine;
  return LiveThrough(machine, Phases(), phase, -1);
}

TEST_CASE("[SEC-53][HTB-16] user: killed before and after every write of every phase, the end is the same") {
  const int kills = KillEverywhere(Phases());
  CHECK(kills > 60);  // Making one member alone is eight writes or more.
}

TEST_CASE("[HTB-10][HTB-16] user: the phases are what they should be when nothing dies") {
  const std::string made = EndOf(0);
  CAPTURE(made);
  CHECK(
      made.starts_with("account 20000 developers hero\n# Written by herod from users/alice.toml; changes here are "
                       "undone.\nssh-ed25519 AAAA alice\nshared\narchives 0\nusers.hero.dev alice Reconciled "));
  CHECK(made.find("\nnamespaces alice - {}\n") != std::string::npos);
  CHECK(made.find("\nslots.hero.dev alice - {\"box\":\"box1\"") != std::string::npos);
  CHECK(EndOf(1).starts_with("account 20000 hero\n"));
  CHECK(EndOf(2).starts_with("account 20000 expired hero\n"));
  CHECK(EndOf(4) ==
        "account 20000 expired developers hero\n# Written by herod from users/alice.toml; changes here are "
        "undone.\nssh-ed25519 AAAA alice\nshared\narchives 1\n");
  CHECK(EndOf(5).starts_with("account 20000 developers hero\n"));
}

}  // namespace
}  // namespace tests
