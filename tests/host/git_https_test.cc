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
#include "tests/host/forgejo_box.h"
#include "tests/host/git_world.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using tests::Answer;
using tests::Branches;
using tests::CodeOf;
using tests::RawAnswer;
using tests::ServedRequest;
using namespace std::chrono_literals;

const std::string kToken = "aTokenThatNobodyMaySee";

/// Runs a program with its input and output in files.
void RunFiltering(std::vector<std::string> argv, std::vector<std::string> environment, const std::string& in,
                  const std::string& out) {
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    all.reserve(texts.size() + 1);
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  };
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  const bool is_started =
      ::posix_spawnp(&child, "git", &actions, nullptr, pointers(argv).data(), pointers(environment).data()) == 0;
  posix_spawn_file_actions_destroy(&actions);
  if (is_started) ::waitpid(child, nullptr, 0);
}

/// Serves the origin of a world as `<server>/lhumina_code/hero_team.git`, to whoever has the token.
struct World : tests::GitWorld {
  tests::TempDir served;
  std::atomic<int> number = 0;
  std::atomic<bool> wants_token = true;
  std::mutex mutex;
  std::vector<std::string> authorizations;  // Guarded by mutex.
  /// May change what is sent; gets the whole answer.
  using Change = std::function<RawAnswer(const ServedRequest&, std::string whole)>;
  Change change;  // Guarded by mutex.
  tests::TlsServer server{tests::SharedCa(), [this](const ServedRequest& request) { return Serve(request); }};
  std::string https = server.origin() + "/lhumina_code/hero_team.git";

  World() {
    served.Write("ca.pem", tests::SharedCa().ca_certificate);
    WriteToken(kToken);
    fs::create_directories(served / "repositories/lhumina_code");
    fs::create_directory_symlink(origin, served / "repositories/lhumina_code/hero_team.git");
  }

  void WriteToken(const std::string& token) const {
    served.Write("token", token + "\n");
    fs::permissions(served / "token", fs::perms(0600));
  }
  host::libgit2::ForgeAccess Access() const {
    return {.url = server.origin(),
            .token_file = served / "token",
            .ca_file = served / "ca.pem",
            .askpass = fs::read_symlink("/proc/self/exe").parent_path() / "herod-askpass"};
  }
  api::Expected<void> FetchHttps(const std::string& from, std::chrono::milliseconds deadline = 60s) {
    host::libgit2::LibGit2Git over_https(processes, clock, Access());
    return over_https.Fetch(from, mirror, {.deadline = deadline}, {});
  }

  RawAnswer Serve(const ServedRequest& request) {
    const auto header = [&request](const std::string& name) {
      const auto entry = request.headers.find(name);
      return entry == request.headers.end() ? std::string() : entry->second;
    };
    {
      const std::lock_guard lock(mutex);
      authorizations.push_back(header("authorization"));
    }
    const std::string wanted = "Basic " + api::codec::EncodeBase64("herobox:" + kToken);
    if (wants_token && header("authorization") != wanted)
      return Answer(401, "", "WWW-Authenticate: Basic realm=\"forge\"\r\n");
    const std::string name = std::to_string(++number);
    const std::size_t query = std::min(request.target.find('?'), request.target.size());
    RunFiltering({"git", "http-backend"},
                 {"GIT_PROJECT_ROOT=" + served / "repositories", "GIT_HTTP_EXPORT_ALL=1",
                  "PATH_INFO=" + request.target.substr(0, query),
                  "QUERY_STRING=" + request.target.substr(std::min(query + 1, request.target.size())),
                  "REQUEST_METHOD=" + request.method, "CONTENT_TYPE=" + header("content-type"),
                  "CONTENT_LENGTH=" + header("content-length"), "HTTP_CONTENT_ENCODING=" + header("content-encoding"),
                  "GIT_PROTOCOL=" + header("git-protocol"), "PATH=/usr/bin:/bin", "HOME=" + served.Path()},
                 served.Write("in." + name, request.body), served / "out." + name);
    const std::string out = served.Read("out." + name);
    const std::size_t body = std::min(out.find("\r\n\r\n"), out.size());
    const std::string status = out.starts_with("Status: ") ? out.substr(8, 3) : "200";
    const std::string content = out.substr(std::min(body + 4, out.size()));
    const std::string whole = "HTTP/1.1 " + status +
                              " Said\r\nConnection: close\r\nContent-Length: " + std::to_string(content.size()) +
                              "\r\n" + out.substr(0, body) + "\r\n\r\n" + content;
    Change how;
    {
      const std::lock_guard lock(mutex);
      how = change;
    }
    return how ? how(request, whole) : RawAnswer{.bytes = whole};
  }

  std::vector<std::string> Authorizations() {
    const std::lock_guard lock(mutex);
    return authorizations;
  }

  void ChangeAnswers(Change how) {
    const std::lock_guard lock(mutex);
    change = std::move(how);
  }
};

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
