// Fetching over https: the real git on both sides, a server between them that does what a test wants.
#include <array>
#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/text.h"
#include "tests/host/git_https_world.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using tests::Answer;
using tests::Branches;
using tests::CodeOf;
using tests::RawAnswer;
using tests::ServedRequest;
using namespace std::chrono_literals;

using World = tests::HttpsWorld;
using tests::kToken;

TEST_CASE(
    "[SEC-41][SEC-44] git: a repository that wants a token is mirrored over https, and the token is shown to nobody") {
  World world;
  world.Push("main", {{"a", "1"}});
  world.Push("development_alice", {{"b", "1"}});

  /// Remembers what it was asked to run.
  struct Watched final : host::Processes {
    api::Expected<host::Finished> Run(const host::Command& command, std::stop_token stop) override {
      for (const std::string& word : command.argv) seen += word + "\n";
      for (const auto& [name, value] : command.environment) seen.append(name).append("=").append(value).append("\n");
      return real.Run(command, stop);
    }
    host::linux::SpawnedProcesses real;
    std::string seen;
  } watched;
  host::libgit2::LibGit2Git git(watched, world.clock, world.Access());
  const auto fetched = git.Fetch(world.https, world.mirror, {}, {});
  INFO((fetched ? "" : fetched.error().message));
  REQUIRE(fetched);
  CHECK(world.HeadsOf(world.mirror) == world.HeadsOf(world.origin));
  CHECK(watched.seen.find(kToken) == std::string::npos);
  for (const auto& entry : fs::recursive_directory_iterator(world.mirror))
    if (entry.is_regular_file()) {
      const std::string relative = fs::relative(entry.path(), world.dir.Path()).string();
      CHECK(world.dir.Read(relative).find(kToken) == std::string::npos);
    }

  world.Push("main", {{"a", "2"}});
  REQUIRE(world.FetchHttps(world.https));
  CHECK(world.HeadsOf(world.mirror) == world.HeadsOf(world.origin));
}

TEST_CASE("[SEC-41] git: a token that is refused, or none for this server, is said so") {
  World world;
  world.Push("main", {{"a", "1"}});
  world.WriteToken("anotherToken");
  const auto refused = world.FetchHttps(world.https);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kForbidden);
  CHECK(refused.error().reason == "TokenRefused");
  CHECK(refused.error().message.find("anotherToken") == std::string::npos);

  fs::permissions(world.served / "token", fs::perms(0644));
  const auto open = world.FetchHttps(world.https);
  REQUIRE_FALSE(open);
  CHECK(open.error().reason == "TokenFileRefused");
}

TEST_CASE("[SEC-41] git: the token goes to the forge's host alone, wherever that one sends us") {
  World forge;
  World elsewhere;  // Of the same authority, so that it is the name alone that tells.
  elsewhere.Push("main", {{"a", "1"}});
  forge.wants_token = false;
  forge.ChangeAnswers([&elsewhere](const ServedRequest& request, const std::string&) {
    return Answer(302, "", "Location: " + elsewhere.server.origin() + request.target + "\r\n");
  });
  const auto sent_on = forge.FetchHttps(forge.https);
  REQUIRE_FALSE(sent_on);
  CHECK(sent_on.error().code == Code::kForbidden);
  const std::vector<std::string> all = elsewhere.Authorizations();
  REQUIRE_FALSE(all.empty());
  for (const std::string& sent : all) CHECK(sent.empty());

  // Asked for straight, the other one gets nothing either: not even our trust in the forge's own authority.
  CHECK_FALSE(forge.FetchHttps(elsewhere.https));
  CHECK(elsewhere.Authorizations().size() == all.size());
}

TEST_CASE("[SEC-60] git: an https answer that breaks off anywhere changes no branch, and the next fetch is whole") {
  World world;
  world.Push("main", {{"a", "1"}});
  for (const int broken_answer : {0, 1, 2, 3, 4}) {  // Capabilities and branches, looked at twice, and the pack.
    for (const int tenths : {0, 5}) {
      CAPTURE(broken_answer);
      CAPTURE(tenths);
      world.Push("gone", {{"b", "1"}});
      REQUIRE(world.FetchHttps(world.https));
      const Branches before = world.HeadsOf(world.mirror);
      world.Push("main", {{"c", std::string(5000, 'c')}});
      world.Git({"push", "-q", world.origin, ":refs/heads/gone"});
      const auto at = std::make_shared<std::atomic<int>>(0);  // The server may be at it when the fetch has ended.
      world.ChangeAnswers([at, broken_answer, tenths](const ServedRequest&, std::string whole) {
        if ((*at)++ != broken_answer) return RawAnswer{.bytes = std::move(whole)};
        const std::size_t body = whole.find("\r\n\r\n") + 4;
        whole.resize(body + (whole.size() - body) * static_cast<std::size_t>(tenths) / 10);
        return RawAnswer{.bytes = std::move(whole)};
      });
      const auto failed = world.FetchHttps(world.https);
      world.ChangeAnswers(nullptr);
      REQUIRE_FALSE(failed);
      CHECK(failed.error().code == Code::kUnavailable);
      CHECK(world.HeadsOf(world.mirror) == before);
    }
  }
  REQUIRE(world.FetchHttps(world.https));
  CHECK(world.HeadsOf(world.mirror) == world.HeadsOf(world.origin));
}

TEST_CASE("[SEC-60] git: an https server that falls silent, at once or within the pack, is given up at the deadline") {
  for (const int silent_answer : {0, 2}) {
    CAPTURE(silent_answer);
    World world;
    world.Push("main", {{"a", "1"}});
    const auto at = std::make_shared<std::atomic<int>>(0);
    world.ChangeAnswers([at, silent_answer](const ServedRequest&, std::string whole) {
      if ((*at)++ != silent_answer) return RawAnswer{.bytes = std::move(whole)};
      return RawAnswer{.bytes = whole.substr(0, silent_answer == 0 ? 0 : whole.size() - 30),
                       .then = RawAnswer::Then::kStaySilent};
    });
    CHECK(CodeOf(world.FetchHttps(world.https, 1500ms)) == Code::kTimeout);
    CHECK(world.HeadsOf(world.mirror).empty());
  }
}

TEST_CASE("[SEC-60] git: a server that cannot be reached, or is none of git's, is unavailable") {
  World world;
  world.Push("main", {{"a", "1"}});
  REQUIRE(world.FetchHttps(world.https));
  const Branches before = world.HeadsOf(world.mirror);
  for (const RawAnswer& answer : {Answer(404, "null"), Answer(500), Answer(502, "<html>"), Answer(200, "<html>"),
                                  RawAnswer{}, RawAnswer{.bytes = "garbage\r\n\r\n"}}) {
    world.ChangeAnswers([answer](const ServedRequest&, const std::string&) { return answer; });
    CHECK(CodeOf(world.FetchHttps(world.https)) == Code::kUnavailable);
  }
  world.ChangeAnswers(nullptr);
  CHECK(CodeOf(world.FetchHttps("https://localhost:1/o/r.git")) == Code::kUnavailable);
  CHECK(CodeOf(world.FetchHttps("https://nowhere.invalid/o/r.git")) == Code::kUnavailable);
  CHECK(world.HeadsOf(world.mirror) == before);
}

}  // namespace
