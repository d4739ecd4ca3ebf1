// What the Team plans, as tables of (spec, state) and steps, without an engine.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include <doctest/doctest.h>

#include "controllers/team/team_result.h"
#include "tests/controllers/box_harness.h"

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::v1::ManifestTemplate;
using api::v1::Repository;
using api::v1::Team;
using api::v1::UidReservation;
using api::v1::User;
using controllers::TeamState;
using reconciler::TaskState;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kHead(40, 'a');
const std::string kBefore(40, 'b');
const std::string kPosted = "lhumina_code/hero_team";
const api::Time kNow = api::Time(seconds(1'795'208'331));

const std::map<std::string, std::string> kLabels = {{"hero.dev/team", "team"}};

/// A team of alice with the template developer that is as it should be, and what differs from that.
struct TeamTable {
  TeamTable() {
    good.repository = Repository{
        .metadata = {.name = "hero-team", .labels = kLabels},
        .spec = {.url = team.spec.url, .interval = team.spec.interval},
    };
    good.head = good.synced = kHead;
    Declare(good, "alice");
    Have(good, "alice", 20000);
    good.declared.templates["developer"] = {.path = "manifest_templates/developer.toml", .spec = Template()};
    good.templates["developer"] =
        ManifestTemplate{.metadata = {.name = "developer", .labels = kLabels}, .spec = Template()};
    Record(good);
  }

  static api::v1::ManifestTemplateSpec Template() { return {.role = "developer", .text = "# Nothing yet.\n"}; }
  static api::v1::UserSpec SpecOf(const std::string& name) {
    return {.name = name,
            .branch_suffix = name,
            .manifest_template = "developer",
            .source = {.path = "users/" + name + ".toml"}};
  }
  static std::string ObjectName(std::string name) {
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
  }
  static void Declare(TeamState& state, const std::string& name) {
    state.declared.users[name] = {.path = "users/" + name + ".toml", .spec = SpecOf(name)};
  }
  static void Break(TeamState& state, const std::string& name) {
    state.declared.users[name].path = "users/" + name + ".toml";
    state.declared.users[name].spec = Error{Code::kInvalid, "InvalidFile", "users/" + name + ".toml:1:1: is wrong"};
  }
  /// The objects of a member, with that number.
  static void Have(TeamState& state, const std::string& name, std::int64_t uid) {
    User user{.metadata = {.name = ObjectName(name), .labels = kLabels}, .spec = SpecOf(name)};
    user.spec.uid = uid;
    state.users[name] = user;
    state.reservations[name] =
        UidReservation{.metadata = {.name = ObjectName(name)}, .spec = {.uid = uid, .user = name}};
  }
  /// As if what is declared had been tried, recorded and posted.
  void Record(TeamState& state) const {
    const controllers::TeamResult result = controllers::ResultOf(state);
    state.sync = host::TeamSyncState{.url = team.spec.url,
                                     .branch = team.spec.branch,
                                     .last_synced_commit = state.head,
                                     .users = result.users,
                                     .templates = result.templates,
                                     .problems = result.problems,
                                     .result = result.digest};
  }

  TeamState But(const std::function<void(TeamState&)>& change) const {
    TeamState state = good;
    change(state);
    return state;
  }
  void Check(const char* name, const TeamState& state, const std::string& steps, bool is_deleting = false) const {
    CAPTURE(name);
    Team object = team;
    if (is_deleting) object.metadata.deletion_timestamp = api::Time();
    const reconciler::Plan plan = controller.Diff(object, state, kNow);
    CHECK(Sentences(plan) == steps);
    CHECK(Describe(plan) == Describe(controller.Diff(object, state, kNow)));
  }
  FakeGit git;
  FakeTeamSync sync;
  FakeAccounts accounts;
  FakeForge forge;
  const controllers::TeamController controller{{.git = git, .sync = sync, .numbers = accounts, .forge = &forge},
                                               host::PathsOf("/box", "driver"),
                                               {.signers = "/etc/hero/signers"}};
  const Team team{.metadata = {.name = "team"}, .spec = {.url = BoxHarness::kUrl}};
  TeamState good;
};

const std::string kRecord = "record state.toml: aaaaaaaaaaaa was tried whole\n";
const std::string kRecordAgain = "record state.toml: the result of aaaaaaaaaaaa has changed\n";

TEST_CASE("[HTB-01] team: diff, as a table of what is declared and what is there") {
  const TeamTable t;
  t.Check("as it should be", t.good, "");
  t.Check("nothing there", t.But([](auto& s) {
    s.repository.reset();
    s.users.clear();
    s.templates.clear();
    s.reservations.clear();
    s.sync.reset();
  }),
          "create Repository hero-team: is missing\ncreate ManifestTemplate developer: is missing\n"
          "create UidReservation alice: is missing\ncreate User alice: is missing\n" +
              kRecord);
  t.Check("another URL, interval and label by hand", t.But([](auto& s) {
    s.repository->spec = {.url = "file:///elsewhere", .interval = "1h"};
    s.repository->metadata.labels.clear();
  }),
          "update Repository hero-team: differs in interval, url\n");
  t.Check("a user and a template removed by hand", t.But([](auto& s) {
    s.users.clear();
    s.templates.clear();
  }),
          "create ManifestTemplate developer: is missing\ncreate User alice: is missing\n");
  t.Check("a user changed by hand", t.But([](auto& s) { s.users.at("alice").spec.groups = {"sudo"}; }),
          "update User alice: differs in groups\n");
  t.Check("a user that lost its label", t.But([](auto& s) { s.users.at("alice").metadata.labels.clear(); }),
          "update User alice: differs in metadata\n");
  t.Check("a user and a template that no file declares", t.But([&](auto& s) {
    TeamTable::Have(s, "bob", 20001);
    s.users.at("bob").spec.source.path = "users/bob.toml";
    s.templates["old"] = {.metadata = {.name = "old"}, .spec = {.role = "old"}};
    s.templates.at("old").spec.source.path = "manifest_templates/old.toml";
  }),
          "remove User bob: users/bob.toml is gone from hero_team\n"
          "remove ManifestTemplate old: manifest_templates/old.toml is gone from hero_team\n");
  t.Check("one of them is going already", t.But([&](auto& s) {
    TeamTable::Have(s, "bob", 20001);
    s.users.at("bob").metadata.deletion_timestamp = api::Time();
  }),
          "");
  t.Check("a team that is being deleted removes nobody", t.But([](auto& s) {
    s.declared = {};
    s.repository.reset();
  }),
          "", true);
}

TEST_CASE("[SEC-09] team: diff of files that are wrong, as a table") {
  const TeamTable t;
  t.Check("a member's that was good", t.But([](auto& s) { TeamTable::Break(s, "alice"); }),
          "update User alice: differs in source\n" + kRecordAgain + "! InvalidFile\n");
  t.Check("told already", t.But([&](auto& s) {
    TeamTable::Break(s, "alice");
    s.users.at("alice").spec.source.problem = "users/alice.toml:1:1: is wrong";
    t.Record(s);
  }),
          "! InvalidFile\n");
  t.Check("of one who never was", t.But([&](auto& s) {
    TeamTable::Break(s, "bob");
    t.Record(s);
  }),
          "! InvalidFile\n");
  t.Check("of one who is going", t.But([&](auto& s) {
    TeamTable::Break(s, "alice");
    s.users.at("alice").metadata.deletion_timestamp = api::Time();
    t.Record(s);
  }),
          "! InvalidFile\n");
  t.Check("a template's", t.But([&](auto& s) {
    s.declared.templates.at("developer").spec = Error{Code::kInvalid, "InvalidFile", "broken"};
    t.Record(s);
  }),
          "update ManifestTemplate developer: differs in source\n! InvalidFile\n");
  t.Check("mended", t.But([&](auto& s) { s.users.at("alice").spec.source.problem = "was wrong"; }),
          "update User alice: differs in source\n");
}

TEST_CASE("[SEC-08] team: diff of numbers, as a table") {
  const TeamTable t;
  const auto number_of = [&](const TeamState& state, const char* member) {
    const reconciler::Plan plan = t.controller.Diff(t.team, state, kNow);
    for (const reconciler::Chain& chain : plan.chains)
      for (const reconciler::Step& step : chain.steps)
        if (step.id() == std::string("create User ") + member)
          return *std::get<reconciler::PutObject>(step.effect).patch.At({"spec", "uid"})->integer();
    return std::int64_t{0};
  };
  const auto with_bob = [&](const std::function<void(TeamState&)>& change) {
    return t.But([&](auto& s) {
      TeamTable::Declare(s, "bob");
      change(s);
    });
  };
  CHECK(number_of(with_bob([](auto&) {}), "bob") == 20001);
  CHECK(number_of(with_bob([](auto& s) { s.reservations["gone"].spec = {.uid = 20007, .user = "gone"}; }), "bob") ==
        20008);
  CHECK(number_of(with_bob([](auto& s) { s.reservations["bob"].spec = {.uid = 20003, .user = "bob"}; }), "bob") ==
        20003);
  CHECK(number_of(with_bob([](auto& s) { s.reservations["last"].spec = {.uid = 29999, .user = "last"}; }), "bob") ==
        20001);
  t.Check("every number was given", with_bob([](auto& s) {
            for (std::int64_t uid = 20001; uid <= 29999; ++uid)
              s.reservations["m" + std::to_string(uid)].spec = {.uid = uid, .user = "m" + std::to_string(uid)};
          }),
          kRecordAgain + "! UidRangeUsedUp\n");
  t.Check("an account that was adopted keeps its own", t.But([](auto& s) {
    s.declared.users.at("alice").spec->adopt = true;
    s.users.at("alice").spec.adopt = true;
    s.users.at("alice").status.uid = 1000;
  }),
          "update UidReservation alice: differs in uid\nupdate User alice: differs in uid\n");
}

TEST_CASE("[SEC-09][SEC-10] team: diff of what may not be applied, as a table") {
  const TeamTable t;
  const auto unread = [&](Code code, const char* reason) {
    return t.But([&](auto& s) { s.unread = Error{code, reason, "why"}; });
  };
  t.Check("not fetched", unread(Code::kUnavailable, "NotFetched"), "! NotFetched\n");
  t.Check("no such branch", unread(Code::kNotFound, "BranchMissing"), "! BranchMissing\n");
  t.Check("no hero_team", unread(Code::kInvalid, "NotHeroTeam"), "! NotHeroTeam\n");
  const std::string why =
      "the history of development was rewritten: its head aaaaaaaaaaaa does not contain "
      "bbbbbbbbbbbb, which was applied last";
  const auto rewritten = [](TeamState& s) {
    s.synced = kBefore;
    s.is_rewritten = true;
  };
  t.Check("rewritten", t.But(rewritten), "accept history hero_team: " + why + " (guarded)\n! HistoryRewritten\n");
  t.Check("a signature that nobody has looked at", t.But([](auto& s) { s.needs_signature = true; }),
          "check signature hero_team: aaaaaaaaaaaa is new\n");
  const auto unsigned_head = [](TeamState& s) {
    s.needs_signature = true;
    s.signature_fault = "is not signed";
  };
  t.Check("not signed", t.But(unsigned_head),
          "accept commit hero_team: the head aaaaaaaaaaaa of development is not signed (guarded)\n! NotSigned\n");
  t.Check("not signed and rewritten: one question with both", t.But([&](auto& s) {
    unsigned_head(s);
    rewritten(s);
  }),
          "accept commit hero_team: the head aaaaaaaaaaaa of development is not signed, and " + why +
              " (guarded)\n! NotSigned\n");
  t.Check("a state that cannot be read", t.But([](auto& s) {
    s.sync.reset();
    s.sync_problem = "state.toml:1:1: syntax";
  }),
          "record state.toml: cannot be read, and is kept aside: state.toml:1:1: syntax\n");
}

TEST_CASE("[HTB-17] team: diff of what the commit's author is told, as a table over time") {
  const TeamTable t;
  const std::string digest = controllers::ResultOf(t.good).digest;
  const auto ended = [&](seconds ago, bool is_commented, const std::string& input) {
    return TaskState{.input = input,
                     .phase = TaskState::Phase::kSucceeded,
                     .started = kNow - ago,
                     .ended = kNow - ago,
                     .result = api::Json(is_commented)};
  };
  const auto posted = [&](seconds ago, bool is_commented, std::optional<TaskState> comment = {}) {
    return t.But([&](auto& s) {
      s.forge_repository = kPosted;
      s.post = ended(ago, is_commented, digest);
      s.comment = std::move(comment);
    });
  };
  const std::string post =
      "post result lhumina_code/hero_team: aaaaaaaaaaaa: 1 member and 1 template declared (upkeep)\n";
  const std::string comment =
      "comment on merge lhumina_code/hero_team: the forge knew no pull request of aaaaaaaaaaaa before (upkeep)\n";
  t.Check("nothing posted", t.But([](auto& s) { s.forge_repository = kPosted; }), post);
  t.Check("another result was", t.But([&](auto& s) {
    s.forge_repository = kPosted;
    s.post = ended(seconds(1), true, "other");
  }),
          post);
  t.Check("the posting failed", t.But([&](auto& s) {
    s.forge_repository = kPosted;
    s.post = ended(seconds(1), false, digest);
    s.post->phase = TaskState::Phase::kFailed;
  }),
          post);
  t.Check("posted and commented", posted(seconds(1), true), "");
  t.Check("posted just now, the forge knew no merge", posted(seconds(1), false), "");
  t.Check("asked again after a while", posted(seconds(10), false), comment);
  t.Check("asked again, now it knew", posted(seconds(60), false, ended(seconds(40), true, digest)), "");
  t.Check("asked again, in vain, not long ago", posted(seconds(60), false, ended(seconds(25), false, digest)), "");
  t.Check("asked again, in vain, as long ago as that", posted(seconds(80), false, ended(seconds(40), false, digest)),
          comment);
  t.Check("a try for another result counts for none", posted(seconds(60), false, ended(seconds(40), true, "other")),
          comment);
  t.Check("no merge for a quarter of an hour", posted(minutes(20), false, ended(minutes(12), false, digest)), "");
  TaskState running = ended(seconds(0), false, digest);
  running.phase = TaskState::Phase::kRunning;
  t.Check("a try under way is wanted still", posted(minutes(30), false, running), comment);
  CHECK(t.controller.Diff(t.team, posted(seconds(4), false), kNow).recheck_after == seconds(6));
}

}  // namespace
}  // namespace tests
