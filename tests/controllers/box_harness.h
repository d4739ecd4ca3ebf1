#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/v1/manifest_template.h"
#include "api/v1/org_key.h"
#include "api/v1/repository.h"
#include "api/v1/team.h"
#include "api/v1/uid_reservation.h"
#include "api/v1/user.h"
#include "controllers/repository/repository_controller.h"
#include "controllers/team/team_controller.h"
#include "controllers/user/user_controller.h"
#include "crds/catalog.h"
#include "host/box_paths.h"
#include "reconciler/admission.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/fake_archives.h"
#include "tests/support/fake_forge.h"
#include "tests/support/fake_git.h"
#include "tests/support/fake_homes.h"
#include "tests/support/fake_sessions.h"
#include "tests/support/fake_team_sync.h"
#include "tests/support/harness.h"
#include "tests/support/ssh_key.h"

namespace tests {

inline constexpr const char* kAliceKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g alice@laptop";

/// Steps with their reasons, and what stands in the way, a line each.
inline std::string Sentences(const reconciler::Plan& plan) {
  std::string text;
  for (const auto& chain : plan.chains)
    for (const auto& step : chain.steps)
      text += step.Sentence() + (step.text.is_guarded ? " (guarded)" : step.text.is_upkeep ? " (upkeep)" : "") + "\n";
  for (const auto& problem : plan.problems) text += "! " + problem.reason + "\n";
  return text;
}

/// The real engine and the three controllers on a box of fakes, with a hero_team that a test commits to.
struct BoxHarness : Harness {
  inline static const std::string kOrigin = "/forge/lhumina_code/hero_team.git";
  inline static const std::string kRepository = "lhumina_code/hero_team";
  inline static const std::string kUrl = "file://" + kOrigin;

  BoxHarness() : Harness(*crds::LoadCatalog()) {
    const std::vector<std::string> groups = {"developers", "hero"};
    forge.Put(kRepository, {});
    manager().Add(
        std::make_unique<controllers::TeamController>(
            controllers::TeamSeams{.git = git, .sync = team_sync, .numbers = accounts, .forge = &forge}, paths,
            controllers::TeamRules{.users = {.assignable_groups = groups, .check = CheckSpec},
                                   .manifests = {.orgs = {"lhumina_code"}}}),
        {.name = "team", .workers = 1, .has_finalizer = false});
    manager().Add(std::make_unique<controllers::RepositoryController>(git, paths), {.name = "repository"});
    manager().Add(std::make_unique<controllers::UserController>(
                      controllers::UserSeams{accounts, homes, archives, &secrets_forge, &sessions}, paths,
                      controllers::UserOptions{.managed_groups = groups,
                                               .claims = {.never_adopted = {"driver"}},
                                               .box = "box1",
                                               .private_org = "acme-private"}),
                  {.name = "user"});
  }

  /// Each has a key of their own; alice's is kAliceKey.
  static std::string KeyOf(const std::string& name) { return name == "alice" ? kAliceKey : SshKey(name); }

  static std::string UserFile(const std::string& name, const std::string& more = "") {
    return "name = \"" + name + "\"\nssh_pubkeys = [\"" + KeyOf(name) +
           "\"]\ngroups = [\"developers\"]\nbranch_suffix = \"" + name + "\"\nmanifest_template = \"developer\"\n" +
           more;
  }

  static std::vector<api::Cause> CheckSpec(std::string_view resource, const api::Json& spec) {
    static const api::schema::Catalog kCatalog = *crds::LoadCatalog();
    return reconciler::CheckSpec(kCatalog, resource, spec);
  }

  static constexpr const char* kTemplate =
      "# What a developer starts with.\n[[bind]]\nservice = \"hero_slides\"\nrepo = \"lhumina_code/hero_slides\"\n"
      "branch = \"development\"\nfrom = \"release\"\n";

  /// Commits these files below users/, with a template and a README, rings the watch as a push does, and lets
  /// everything come to rest.
  std::string Push(const std::map<std::string, std::string>& users) {
    FakeGit::Files files{{"README.md", "our team"}, {"manifest_templates/developer.toml", kTemplate}};
    for (const auto& [name, text] : users) files["users/" + name] = text;
    return PushFiles(files);
  }

  /// The same with the whole tree given.
  std::string PushFiles(const FakeGit::Files& files) {
    std::string commit = git.Commit(kUrl, "development", files);
    git.SetHead(kOrigin, "development", commit);  // One repository, by its URL for a fetch and by its path for a look.
    file_watch.Ring(kOrigin + "/packed-refs");
    Settle();
    return commit;
  }

  void DeclareTeam() {
    Put(api::v1::Team{.metadata = {.name = "team"}, .spec = {.url = kUrl}});
    Settle();
  }

  void Settle() {
    if (!ReconcileUntilIdle()) throw std::runtime_error("the engine does not come to rest");
  }

  /// Lets an hour pass, five minutes at a time, so that every retry and rescan has had its turn.
  void PassAnHour() {
    for (int i = 0; i < 12; ++i) {
      clock.Advance(std::chrono::minutes(5));
      Settle();
    }
  }

  std::string Ready(std::string_view user) { return ConditionOf<api::v1::User>(user); }

  FakeGit git;
  FakeAccounts accounts;
  FakeHomes homes;
  FakeArchives archives;
  FakeSessions sessions;
  FakeTeamSync team_sync;
  FakeForge forge;
  FakeForge secrets_forge;  ///< On a box it is the same; apart here, so that nobody counts the calls of others.
  host::BoxPaths paths = host::PathsOf("/box", "driver");
};

}  // namespace tests
