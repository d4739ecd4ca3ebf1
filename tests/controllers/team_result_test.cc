#include "controllers/team/team_result.h"

#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

/// What came of a commit, where whoever wrote it looks.
namespace tests {
namespace {

using api::v1::Team;

const std::string kContext = "herobox/reconcile";

host::CommitStatus StatusAt(BoxHarness& h, const std::string& commit) {
  const auto repository = h.forge.Get(BoxHarness::kRepository);
  const auto statuses = repository->statuses.find(commit);
  return statuses == repository->statuses.end() ? host::CommitStatus{} : statuses->second.at(kContext);
}

std::string CommentAt(BoxHarness& h, const std::string& commit) {
  const auto comments = h.forge.Get(BoxHarness::kRepository)->comments;
  return comments.contains(commit) ? comments.at(commit) : "";
}

TEST_CASE("[HTB-17] result: a good commit gets a success, a bad one a failure with what is wrong") {
  BoxHarness h;
  const std::string good = h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  CHECK(StatusAt(h, good).state == host::CommitState::kSuccess);
  CHECK(StatusAt(h, good).description == "1 member and 1 template declared");

  FakeGit::Files files{{"README.md", "us"},
                       {"manifest_templates/developer.toml", BoxHarness::kTemplate},
                       {"users/alice.toml", BoxHarness::UserFile("alice")},
                       {"users/bob.toml", "name = 3\n"}};
  const std::string bad = h.git.Commit(BoxHarness::kUrl, "development", files);
  h.git.SetHead(BoxHarness::kOrigin, "development", bad);
  h.forge.Merge(BoxHarness::kRepository, bad);
  h.file_watch.Ring(BoxHarness::kOrigin + "/packed-refs");
  h.Settle();
  CHECK(StatusAt(h, bad).state == host::CommitState::kFailure);
  CHECK(StatusAt(h, bad).description == "1 member and 1 template declared, 1 file not applied");
  CHECK(CommentAt(h, bad) == "**herobox/reconcile**: 1 member and 1 template declared, 1 file not applied at " +
                                 bad.substr(0, 12) +
                                 ".\n\nWhat these files said before is kept, and nobody else is affected:\n\n"
                                 "    users/bob.toml:1:1: name: must be string, not integer\n");
}

TEST_CASE("[HTB-17][HTB-18] result: posted once, whatever time passes") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  CHECK(h.forge.writes() == 1);
  h.PassAnHour();  // Meanwhile it is asked now and then whether there is a pull request.
  const int calls = h.forge.calls();
  CHECK(calls < 12);
  h.PassAnHour();
  CHECK(h.forge.calls() == calls);
  CHECK(h.forge.writes() == 1);
}

TEST_CASE("[HTB-17][SEC-60] result: a forge that is down keeps nothing from being done, and gets the result later") {
  BoxHarness h;
  h.forge.FailAll(api::Error{api::Code::kUnavailable, "ForgeUnavailable", "the forge does not answer"});
  const std::string commit = h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.team_sync.state()->last_synced_commit == commit);
  CHECK(h.ConditionOf<Team>("team") == "False ForgeUnavailable");
  h.forge.FailAll(std::nullopt);
  h.PassAnHour();
  CHECK(StatusAt(h, commit).state == host::CommitState::kSuccess);
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
}

TEST_CASE("[HTB-17] result: a forge that learns of the merge later than we still gets the comment, and gets it once") {
  BoxHarness h;
  const std::string commit = h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  h.clock.Advance(std::chrono::seconds(10));
  h.Settle();
  CHECK(CommentAt(h, commit).empty());
  h.forge.Merge(BoxHarness::kRepository, commit);
  h.clock.Advance(std::chrono::seconds(10));
  h.Settle();
  CHECK(CommentAt(h, commit).starts_with("**herobox/reconcile**: 1 member and 1 template declared"));
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  const int calls = h.forge.calls();
  h.PassAnHour();
  CHECK(h.forge.calls() == calls);
}

TEST_CASE("[HTB-17][SEC-60] result: a forge that goes down before it knew the merge gets the comment when it is back") {
  BoxHarness h;
  const std::string commit = h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  h.forge.FailAll(api::Error{api::Code::kUnavailable, "ForgeUnavailable", "the forge does not answer"});
  h.clock.Advance(std::chrono::seconds(10));
  h.Settle();
  CHECK(h.ConditionOf<Team>("team") == "False ForgeUnavailable");
  h.forge.FailAll(std::nullopt);
  h.forge.Merge(BoxHarness::kRepository, commit);
  h.PassAnHour();
  CHECK_FALSE(CommentAt(h, commit).empty());
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
}

TEST_CASE("[HTB-17][SEC-10] result: a commit of which nothing is applied is told so, and why") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  const std::string empty = h.PushFiles({{"src/main.cc", "int main() {}"}});
  CHECK(StatusAt(h, empty).state == host::CommitState::kFailure);
  CHECK(StatusAt(h, empty).description.starts_with("the branch has neither users/ nor README.md"));

  const std::string rewritten = h.git.Commit("elsewhere", "development", {{"README.md", "us"}});
  h.git.SetHead(BoxHarness::kUrl, "development", rewritten);
  h.git.SetHead(BoxHarness::kOrigin, "development", rewritten);
  h.file_watch.Ring(BoxHarness::kOrigin + "/packed-refs");
  h.Settle();
  CHECK(StatusAt(h, rewritten).state == host::CommitState::kFailure);
  CHECK(StatusAt(h, rewritten).description.starts_with("the history was rewritten"));
}

TEST_CASE("[HTB-17] result: a team elsewhere than on the forge posts nothing") {
  BoxHarness h;
  const std::string url = "file:///elsewhere/hero_team.git";
  const std::string commit = h.git.Commit(url, "development", {{"README.md", "us"}});
  h.git.SetHead("/elsewhere/hero_team.git", "development", commit);
  h.Put(Team{.metadata = {.name = "team"}, .spec = {.url = url}});
  h.Settle();
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  CHECK(h.forge.calls() == 0);
}

TEST_CASE("[SEC-57] result: what a file says stands in the comment as code of one line, so it means nothing there") {
  controllers::TeamState state;
  state.head = std::string(40, 'a');
  state.declared.users["x"] = {
      .path = "users/x.toml",
      .spec = api::Error{api::Code::kInvalid, "InvalidFile", "users/x.toml: \n# Big\n<script>@alice [a](b)\x1b[31m"}};
  const std::string comment = controllers::ResultOf(state).comment;
  CHECK(comment.ends_with("\n\n    users/x.toml: ?# Big?<script>@alice [a](b)?[31m\n"));
}

}  // namespace
}  // namespace tests
