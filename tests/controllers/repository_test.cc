#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

namespace tests {
namespace {

using api::v1::Repository;
using std::chrono::minutes;

std::string Head(BoxHarness& h) {
  const auto repository = h.Get<Repository>("hero-team");
  if (!repository || !repository->status.heads.contains("development")) return "";
  return repository->status.heads.at("development");
}

TEST_CASE("[HTB-08] repository: a declared one is mirrored, its heads and the time are in its status") {
  BoxHarness h;
  const std::string commit = h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  CHECK(Head(h) == commit);
  CHECK(h.Get<Repository>("hero-team")->status.url == BoxHarness::kUrl);
  CHECK(h.Get<Repository>("hero-team")->status.last_fetch_time);
  CHECK(h.ConditionOf<Repository>("hero-team", api::kReady) == "True Reconciled");
}

TEST_CASE("[HTB-08] repository: a push to a local origin is fetched at once, an unseen one by the next rescan") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  const std::string second = h.Push({{"alice.toml", BoxHarness::UserFile("alice", "email = \"a@b\"\n")}});
  CHECK(Head(h) == second);

  const std::string third = h.git.Commit(BoxHarness::kUrl, "development", {{"users/alice.toml", "name = 1"}});
  h.git.SetHead(BoxHarness::kOrigin, "development", third);  // Nobody rings.
  h.Settle();
  CHECK(Head(h) == second);
  h.clock.Advance(minutes(6));
  h.Settle();
  CHECK(Head(h) == third);
}

TEST_CASE("[HTB-18] repository: with nothing new a poll writes the time and nothing else") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  const int fetched = h.git.writes();
  h.PassAnHour();
  CHECK(h.git.writes() == fetched);
  CHECK(h.ConditionOf<Repository>("hero-team", api::kReady) == "True Reconciled");
}

TEST_CASE("[SEC-60] repository: a fetch noted while the clock was years ahead does not keep the next one waiting") {
  BoxHarness h;
  const api::Time now = h.clock.Now();
  h.clock.SetWall(now + std::chrono::hours(40'000));
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  h.clock.SetWall(now);
  h.PassAnHour();
  CHECK(h.Get<Repository>("hero-team")->status.last_fetch_time.value_or(api::Time::max()) <
        now + std::chrono::hours(2));
}

TEST_CASE("[SEC-60] repository: an origin that cannot be reached keeps the heads, and says so") {
  BoxHarness h;
  const std::string commit = h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  REQUIRE(h.git.RemoveMirror(BoxHarness::kUrl));
  REQUIRE(h.git.RemoveMirror(BoxHarness::kOrigin));
  h.PassAnHour();
  CHECK(Head(h) == commit);
  CHECK(h.ConditionOf<Repository>("hero-team", api::kReady).starts_with("False"));
  CHECK(h.Ready("alice") == "True Reconciled");
  const std::string later = h.Push({{"alice.toml", BoxHarness::UserFile("alice", "email = \"a@b\"\n")}});
  h.PassAnHour();
  CHECK(Head(h) == later);
}

TEST_CASE(
    "[SEC-60] repository: a network origin that is down is tried ever more slowly, and stays not ready meanwhile") {
  BoxHarness h;
  h.Put(Repository{.metadata = {.name = "far"}, .spec = {.url = "https://forge.example.org/o/r.git"}});
  h.Settle();
  const int before = h.git.calls();
  for (int i = 0; i < 3600; ++i) {
    h.clock.Advance(std::chrono::seconds(1));
    h.Settle();
    CHECK(h.ConditionOf<Repository>("far", api::kReady) == "False FetchFailed");
  }
  // Doubling from 50 ms to 5 min, jittered: some 12 tries to get there and about 24 in the rest of the hour, with a few
  // looks each.
  CHECK(h.git.calls() - before < 400);
}

TEST_CASE("[HTB-08] repository: a deleted one takes its mirror with it") {
  BoxHarness h;
  h.Push({});
  Repository other{.metadata = {.name = "other"}, .spec = {.url = BoxHarness::kUrl}};
  h.Put(other);
  h.Settle();
  CHECK(h.git.Heads(h.paths.Mirror("other")));
  h.Delete<Repository>("other");
  h.Settle();
  CHECK_FALSE(h.Get<Repository>("other"));
  CHECK_FALSE(h.git.Heads(h.paths.Mirror("other")));
}

}  // namespace
}  // namespace tests
