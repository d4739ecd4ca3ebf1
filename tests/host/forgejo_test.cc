// The rules of talking to a Forgejo (what they are for: docs/adr/0012), against a stand-in over real TLS.
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "host/forge_url.h"
#include "host/forgejo/cpprest_client.h"
#include "host/forgejo/forgejo_forge.h"
#include "tests/host/forgejo_box.h"

namespace {

using api::Code;
using host::CommitState;
using host::CommitStatus;
using tests::Answer;
using tests::FakeForgejo;
using tests::RawAnswer;
using tests::ServedRequest;
using namespace std::chrono_literals;
using Files = std::map<std::string, std::string>;

constexpr const char* kRepository = "lhumina_code/hero_team";
constexpr const char* kSecrets = "lhumina_code-private/secrets_alice";
const std::string kCommit(40, 'a');

template <class T>
std::optional<Code> CodeOf(const api::Expected<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

template <class T>
api::Error ErrorOf(const api::Expected<T>& result) {
  return result ? api::Error{.reason = "(none)"} : result.error();
}

struct World : tests::ForgejoBox {
  explicit World(std::chrono::milliseconds deadline = 30s) : ForgejoBox(deadline) {
    forgejo.repositories[kRepository] = {.files = {{"README.md", "hi"}}, .commits = {kCommit}};
  }
  api::Expected<void> Post(const std::string& text = "done") {
    return owned->PostStatus(kRepository, kCommit,
                             {.context = "herobox/reconcile", .state = CommitState::kSuccess, .description = text}, {});
  }
  api::Expected<std::vector<CommitStatus>> Read(std::stop_token stop = {}) {
    return owned->Statuses(kRepository, kCommit, std::move(stop));
  }
  FakeForgejo::Repository& repository() { return forgejo.repositories[kRepository]; }
  /// Answers all requests of that method with these bytes.
  void Say(const std::string& method, RawAnswer answer) {
    forgejo.before = [method, answer = std::move(answer)](const ServedRequest& request) {
      return request.method == method ? std::optional(answer) : std::nullopt;
    };
  }
};

TEST_CASE("[SEC-41] forgejo: a token that is refused is told apart from a right that is missing, and never shown") {
  World world;
  world.WriteToken("thisIsNotTheRightToken");
  const api::Error refused = ErrorOf(world.Read());
  CHECK(refused.code == Code::kForbidden);
  CHECK(refused.reason == "TokenRefused");
  CHECK(refused.message.find("token_file") != std::string::npos);
  CHECK(refused.message.find("thisIsNotTheRightToken") == std::string::npos);

  world.WriteToken(FakeForgejo::kToken);  // No restart.
  CHECK(world.Read());
  world.Say("POST", Answer(403, R"({"message":"token lacks scope","url":"x"})"));
  const api::Error missing = ErrorOf(world.Post());
  CHECK(missing.code == Code::kForbidden);
  CHECK(missing.reason == "RightMissing");
  CHECK(missing.message.find("write:repository") != std::string::npos);
  CHECK(missing.message.find("token lacks scope") != std::string::npos);

  world.Say("POST", Answer(403, std::string(R"({"message":"your token is )") + FakeForgejo::kToken + "\"}"));
  CHECK(ErrorOf(world.Post()).message.find(FakeForgejo::kToken) == std::string::npos);
  for (const auto& request : world.forgejo.requests())
    CHECK(request.target.find(FakeForgejo::kToken) == std::string::npos);

  std::filesystem::permissions(world.dir / "token", std::filesystem::perms(0644));
  const auto before = world.forgejo.requests().size();
  CHECK(ErrorOf(world.Read()).reason == "TokenFileRefused");
  CHECK(world.forgejo.requests().size() == before);
}

TEST_CASE("[HTB-17] forgejo: what kind of failure an answer is decides when it is tried again") {
  struct Row {
    int status;
    Code code;
    const char* reason;
  };
  const Row rows[] = {
      {400, Code::kInvalid, "ForgeRefused"},         {409, Code::kConflict, "Conflict"},
      {413, Code::kForbidden, "QuotaExceeded"},      {422, Code::kInvalid, "ForgeRefused"},
      {423, Code::kForbidden, "RepositoryArchived"}, {429, Code::kUnavailable, "ForgeUnavailable"},
      {500, Code::kUnavailable, "ForgeUnavailable"}, {502, Code::kUnavailable, "ForgeUnavailable"},
      {503, Code::kUnavailable, "ForgeUnavailable"}, {504, Code::kUnavailable, "ForgeUnavailable"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    World world;
    world.Say("POST", Answer(row.status, "<html>sorry</html>"));
    const api::Error error = ErrorOf(world.Post());
    CHECK(error.code == row.code);
    CHECK(error.reason == row.reason);
    CHECK(error.message.find(std::to_string(row.status)) != std::string::npos);
    CHECK(world.forgejo.writes() == 1);
  }
}

TEST_CASE("[SEC-28] forgejo: a 500 to a write is read back before it counts as failed, and nothing is sent twice") {
  World world;
  world.forgejo.after = [](const ServedRequest& request) {
    return request.method == "POST" ? std::optional(Answer(500, R"({"message":""})")) : std::nullopt;
  };
  CHECK(world.Post());  // It was stored all the same.
  CHECK(world.repository().statuses[kCommit].size() == 1);
  CHECK(world.forgejo.writes() == 1);
  CHECK(world.owned->EnsurePrivateRepository(kSecrets, {{"a", "1"}}, {}));
  CHECK(world.forgejo.repositories[kSecrets].files == Files{{"a", "1"}});
  CHECK(world.forgejo.writes() == 3);

  world.forgejo.after = nullptr;
  world.Say("POST", Answer(500, R"({"message":""})"));
  CHECK(ErrorOf(world.Post("another")).code == Code::kUnavailable);
  CHECK(world.forgejo.writes() == 4);
}

TEST_CASE("[SEC-28] forgejo: a comment is ours by its author and mark; a 500 to it is read back") {
  World world;
  world.repository().merges[kCommit] = 17;
  const std::string mark = "<!-- herobox:reconcile " + kCommit + " -->";
  world.repository().comments[17] = {{.id = 900, .author = 8, .body = mark + "\nnot the box"},
                                     {.id = 901, .body = "the box, of another commit"}};
  world.forgejo.after = [](const ServedRequest& request) {
    return request.method == "POST" ? std::optional(Answer(500, R"({"message":""})")) : std::nullopt;
  };
  CHECK(world.owned->CommentOnMerge(kRepository, kCommit, "two files", {}).value_or(false));
  CHECK(world.owned->CommentOnMerge(kRepository, kCommit, "one file", {}).value_or(false));
  const auto& comments = world.repository().comments[17];
  REQUIRE(comments.size() == 3);
  CHECK(comments[0].body == mark + "\nnot the box");
  CHECK(comments[1].body == "the box, of another commit");
  CHECK(comments[2].body == mark + "\none file");
}

TEST_CASE(
    "[SEC-28] forgejo: pages are asked for until nothing new comes, whatever the server makes of page and limit") {
  World world;
  for (int i = 0; i < 120; ++i)
    world.repository().statuses[kCommit].push_back(
        {"context/" + std::to_string(i), i % 2 == 0 ? "success" : "warning"});
  const auto all = world.Read();
  REQUIRE(all);
  CHECK(all->size() == 120);
  world.forgejo.cuts_pages = false;
  const auto before = world.forgejo.requests().size();
  CHECK(world.Read().value_or({}).size() == 120);
  CHECK(world.forgejo.requests().size() - before == 2);
}

TEST_CASE("[HTB-17] forgejo: null lists, unknown states and fields that are missing are no surprise") {
  World world;
  CHECK(world.Read().value_or({{.context = "none"}}).empty());
  for (const std::string body : {"{}", "null", R"({"statuses":[]})", R"({"statuses":7})"}) {
    world.Say("GET", Answer(200, body));
    CHECK(world.Read().value_or({{.context = "none"}}).empty());
  }
  world.Say("GET",
            Answer(200, R"({"statuses":[{"context":"a","status":"warning","more":[]},{"context":"b","status":"?"},
                                              {"context":"c","status":null}]})"));
  const auto read = world.Read();
  REQUIRE(read);
  REQUIRE(read->size() == 3);
  CHECK((*read)[0].state == CommitState::kFailure);
  CHECK((*read)[1].state == CommitState::kError);
}

TEST_CASE("[SEC-42] forgejo: a repository that is there and hidden, or stays public, is told and not gone on with") {
  World world;
  world.forgejo.repositories[kSecrets] = {.is_private = true};
  world.forgejo.hidden = {kSecrets};
  CHECK(ErrorOf(world.owned->EnsurePrivateRepository(kSecrets, {{"a", "1"}}, {})).reason == "RepositoryHidden");
  world.forgejo.hidden.clear();
  REQUIRE(world.owned->EnsurePrivateRepository(kSecrets, {{"a", "1"}}, {}));  // Was empty: we were stopped half-way.
  CHECK(world.forgejo.repositories[kSecrets].files.size() == 1);

  world.forgejo.repositories["lhumina_code-private/fork"] = {.is_fork = true};
  const api::Error open = ErrorOf(world.owned->EnsurePrivateRepository("lhumina_code-private/fork", {{"a", "1"}}, {}));
  CHECK(open.reason == "StaysPublic");
  CHECK(world.forgejo.repositories["lhumina_code-private/fork"].files.empty());
}

TEST_CASE("[HTB-17] forgejo: a renamed repository is followed with method and token kept") {
  World world;
  world.forgejo.renamed["lhumina_code/old"] = kRepository;
  const CommitStatus status{.context = "x", .state = CommitState::kSuccess};
  REQUIRE(world.owned->PostStatus("lhumina_code/old", kCommit, status, {}));
  CHECK(world.repository().statuses[kCommit].size() == 1);
  CHECK(world.owned->Statuses("lhumina_code/old", kCommit, {}).value_or({}) == std::vector{status});
}

TEST_CASE("[SEC-41] forgejo: a redirect elsewhere is refused, and nothing is sent there") {
  World world;
  std::atomic<int> asked = 0;
  tests::TlsServer elsewhere(tests::SharedCa(), [&](const ServedRequest&) {
    ++asked;
    return Answer(200, "{}");
  });
  for (const std::string& location :
       {elsewhere.origin() + "/git/api/v1/repos/x/y", std::string("http://localhost/git/api/v1/x"),
        "//localhost:" + std::to_string(elsewhere.port()) + "/git/api/v1/x", std::string("/git/user/login"),
        std::string("/other/api/v1/x"), std::string(), std::string("x"), std::string("/git/api/v1/repos/again")}) {
    CAPTURE(location);
    world.forgejo.before = [&](const ServedRequest&) { return Answer(307, "", "Location: " + location + "\r\n"); };
    const auto before = world.forgejo.requests().size();
    CHECK(ErrorOf(world.Read()).reason == "RedirectRefused");
    CHECK(world.forgejo.requests().size() - before <= 4);  // The last one leads round in a circle.
  }
  world.Say("POST", Answer(302, "", "Location: /git/api/v1/repos/x/y\r\n"));  // Would turn into a GET.
  CHECK(ErrorOf(world.Post()).reason == "RedirectRefused");
  CHECK(asked == 0);
  CHECK(elsewhere.connections() == 0);
}

TEST_CASE("[SEC-60] forgejo: a server that does not answer, or never ends to, is given up at the deadline") {
  using Then = RawAnswer::Then;
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
  for (const RawAnswer& answer :
       {RawAnswer{.then = Then::kStaySilent}, RawAnswer{.bytes = head, .then = Then::kStaySilent},
        RawAnswer{.bytes = head, .then = Then::kDrip},
        RawAnswer{.bytes = "HTTP/1.1 200 OK\r\nX-A: ", .then = Then::kDrip}}) {
    World world(300ms);
    world.Say("GET", answer);
    CHECK(ErrorOf(world.Read()).code == Code::kTimeout);
  }
}

TEST_CASE("[SEC-60] forgejo: who waits for an answer ends when we stop") {
  World world;
  std::promise<void> asked;
  world.forgejo.before = [&](const ServedRequest&) {
    asked.set_value();
    return RawAnswer{.then = RawAnswer::Then::kStaySilent};
  };
  std::stop_source stop;
  auto reading = std::async(std::launch::async, [&] { return world.Read(stop.get_token()); });
  asked.get_future().wait();
  stop.request_stop();
  REQUIRE(reading.wait_for(20s) == std::future_status::ready);  // The deadline would be 30 s.
  CHECK(ErrorOf(reading.get()).reason == "Stopped");
}

TEST_CASE("[SEC-60] forgejo: half an answer is none") {
  const std::string body = R"({"statuses":[{"context":"a","status":"success"},{"context":"b","status":"success"}]})";
  const std::string whole = Answer(200, body).bytes;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{10}, whole.size() - body.size(), whole.size() - 20, whole.size() - 1}) {
    CAPTURE(size);
    World world;
    world.Say("GET", {.bytes = whole.substr(0, size)});
    CHECK(CodeOf(world.Read()) == Code::kUnavailable);
  }
  for (const std::string& bad : {body.substr(0, 40), std::string("<html>"), std::string(5000, '[')}) {
    World world;
    world.Say("GET", Answer(200, bad));
    CHECK(ErrorOf(world.Read()).reason == "BadAnswer");
  }
}

TEST_CASE("[SEC-49] forgejo: an answer without end is cut off") {
  World world;
  for (const char* head :
       {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"}) {
    world.Say("GET", {.bytes = head, .then = RawAnswer::Then::kFlood});
    CHECK(ErrorOf(world.Read()).reason == "AnswerTooLarge");
  }
}

TEST_CASE("[SEC-60] forgejo: a write whose answer is lost is not sent again by itself, and looked for the next time") {
  World world;
  world.forgejo.after = [](const ServedRequest& request) {
    return request.method == "POST" ? std::optional(RawAnswer{}) : std::nullopt;  // Done, and the line is cut.
  };
  CHECK(CodeOf(world.Post()) == Code::kUnavailable);
  CHECK(world.forgejo.writes() == 1);
  CHECK(world.Post());
  CHECK(world.forgejo.writes() == 1);
}

TEST_CASE("[SEC-60] forgejo: one that asks us to wait is left alone for so long") {
  World world;
  world.Say("GET", Answer(429, "slow down", "Retry-After: 120\r\n"));
  CHECK(CodeOf(world.Read()) == Code::kUnavailable);
  world.forgejo.before = nullptr;
  world.clock.Advance(119s);
  CHECK(CodeOf(world.Read()) == Code::kUnavailable);
  CHECK(world.forgejo.requests().size() == 1);
  world.clock.Advance(2s);
  CHECK(world.Read());
}

TEST_CASE("[SEC-41] forgejo: a server that cannot prove its name gets nothing") {
  World world;
  const tests::ThrowawayCa other = tests::MakeThrowawayCa("localhost");
  const std::string other_ca = world.dir.Write("other.pem", other.ca_certificate);
  const std::string right_ca = world.dir / "ca.pem";
  const std::string by_address = "https://127.0.0.1:" + std::to_string(world.server.port()) + "/git";
  struct Row {
    const char* name;
    std::string url;
    std::string ca_file;
  };
  const Row rows[] = {
      {"an authority that nobody knows", world.server.origin() + "/git", ""},
      {"a file of authorities that is absent", world.server.origin() + "/git", world.dir / "absent.pem"},
      {"a file of authorities that is none", world.server.origin() + "/git", world.dir / "token"},
      {"another authority", world.server.origin() + "/git", other_ca},
      {"another name", by_address, right_ca}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto forge = host::forgejo::ForgejoForge::Create(
        {.url = row.url, .token_file = world.dir / "token", .ca_file = row.ca_file}, world.clock);
    REQUIRE(forge);
    const api::Error error = ErrorOf((*forge)->Statuses(kRepository, kCommit, {}));
    CHECK(error.code == Code::kUnavailable);
    CHECK(error.message.find("certificate") != std::string::npos);
  }
  CHECK(world.forgejo.requests().empty());
}

TEST_CASE("[SEC-60] forgejo: nobody there is an error at once") {
  World world;
  std::string url;
  {
    const tests::TlsServer gone(tests::SharedCa(), [](const ServedRequest&) { return Answer(200); });
    url = gone.origin();
  }
  const auto forge = host::forgejo::ForgejoForge::Create({.url = url, .token_file = world.dir / "token"}, world.clock);
  REQUIRE(forge);
  CHECK(CodeOf((*forge)->Statuses(kRepository, kCommit, {})) == Code::kUnavailable);
}

TEST_CASE("[HTB-17] forgejo: at most four requests are under way at once") {
  World world;
  {
    std::vector<std::jthread> threads;
    threads.reserve(12);
    for (int i = 0; i < 12; ++i) {
      threads.emplace_back([&world] {
        for (int n = 0; n < 3; ++n) CHECK(world.Read());
      });
    }
  }
  CHECK(world.forgejo.requests().size() == 36);
  CHECK(world.forgejo.at_once_max() <= 4);
}

TEST_CASE("[HTB-17] forgejo: its URL is https, and the same wherever it is written alike") {
  using host::ForgeUrl;
  using host::ParseForgeUrl;
  CHECK(ParseForgeUrl("https://Forge.Example.ORG:443/git/").value_or({}) ==
        ForgeUrl{"https://forge.example.org", "/git"});
  CHECK(ParseForgeUrl("HTTPS://forge.example.org").value_or({}) == ForgeUrl{"https://forge.example.org", ""});
  CHECK(ParseForgeUrl("https://[::1]:3000").value_or({}) == ForgeUrl{"https://[::1]:3000", ""});
  for (const std::string url :
       {"", "http://forge.example.org", "https://", "https:///x", "https://user@host", "https://u:p@host",
        "https://host?x", "https://host/#x", "https://host/a b", "https://host\\x", "file:///x", "https://:443"}) {
    CAPTURE(url);
    CHECK(CodeOf(ParseForgeUrl(url)) == Code::kInvalid);
  }
  World world;
  CHECK(world.owned->RepositoryOf("https://LOCALHOST:" + std::to_string(world.server.port()) + "/git/a/b.git")
            .value_or("") == "a/b");
  CHECK_FALSE(world.owned->RepositoryOf(world.server.origin() + "/a/b.git"));
  CHECK_FALSE(world.owned->RepositoryOf("https://localhost/git/a/b.git"));
}

}  // namespace
