#include "server/tokens.h"

#include <memory>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "server/token_requests.h"
#include "tests/support/api_box.h"
#include "tests/support/fake_kept_text.h"

using namespace server;
using namespace tests;
using namespace std::chrono_literals;

namespace {

/// A box whose members are `jo` and `sam`.
struct TokenBox {
  std::unique_ptr<Tokens> Open() {
    auto opened = Tokens::Open(text, api.clock, api.entropy);
    if (!opened) throw std::runtime_error(opened.error().message);
    return *std::move(opened);
  }

  Response Ask(const Caller& caller, const std::string& method, const std::string& target,
               const std::string& body = "") {
    const Request request{.method = method, .target = *ParseTarget(target), .body = body, .caller = caller};
    return surface.Serve(request);
  }

  static std::optional<std::string> Member(std::string_view user) {
    return user == "jo" || user == "sam" ? std::optional(std::string(user) + "-uid") : std::nullopt;
  }

  ApiBox api{};
  FakeKeptText text{};
  std::unique_ptr<Tokens> tokens = Open();
  Surface surface{{.client = api.registry,
                   .catalog = api.catalog,
                   .clock = api.clock,
                   .audit = api.audit,
                   .access = {.member = Member,
                              .tokens = tokens.get(),
                              .endpoint =
                                  [] {
                                    return Endpoint{"https://127.0.0.1:7443", "PEM"};
                                  }}},
                  {}};
  Caller root{.uid = 0, .pid = 7, .name = "root", .is_operator = true};
  Caller jo{.uid = 1001, .pid = 8, .name = "jo"};
  Caller sam{.uid = 1002, .pid = 9, .name = "sam"};
};

std::string Text(const Response& response, std::string_view field) { return TextAt(JsonOf(response), {field}); }

}  // namespace

TEST_CASE("[D-06][SEC-44] tokens: what is kept is a digest, over a restart too, and no two are alike") {
  TokenBox box;
  std::set<std::string> seen;
  for (int i = 0; i < 5; ++i) {
    const auto made = box.tokens->Create({.user = "jo", .role = "member"}, 1h);
    REQUIRE(made);
    const std::string& token = made->token.Reveal();
    CHECK(token.size() == 5 + 16 + 1 + 64);  // 256 bits in hex behind the id.
    CHECK(seen.insert(token).second);
    CHECK(box.text.text.find(token.substr(22)) == std::string::npos);
    CHECK(box.tokens->Find(token)->id == made->record.id);
  }
  const auto again = box.Open();
  for (const std::string& token : seen) CHECK(again->Find(token)->user == "jo");
}

TEST_CASE("[D-06] tokens: one that is changed, cut, unknown, expired or revoked is none") {
  TokenBox box;
  const auto made = box.tokens->Create({.user = "jo", .role = "member"}, 1h);
  const std::string token = made->token.Reveal();
  std::string changed = token;
  changed.back() = changed.back() == '0' ? '1' : '0';
  for (const std::string& wrong : {changed, token.substr(0, 40), token + "0", std::string("hero_"), std::string(),
                                   std::string("hero_0123456789abcdef_00"), std::string(100'000, 'x'), "x" + token}) {
    CAPTURE(wrong.size());
    CHECK_FALSE(box.tokens->Find(wrong));
  }
  box.api.clock.Advance(59min);
  CHECK(box.tokens->Find(token));
  box.api.clock.Advance(1min);
  CHECK_FALSE(box.tokens->Find(token));
  CHECK(box.tokens->List(std::nullopt).empty());

  const auto other = box.tokens->Create({.user = "jo", .role = "member"}, 1h);
  CHECK(box.tokens->Revoke(other->record.id));
  CHECK_FALSE(box.tokens->Find(other->token.Reveal()));
  CHECK_FALSE(box.Open()->Find(other->token.Reveal()));
  CHECK(box.tokens->Revoke(other->record.id).error().code == api::Code::kNotFound);
}

TEST_CASE("[D-06] tokens: lives and numbers are bounded; what cannot be kept is not given out") {
  TokenBox box;
  CHECK_FALSE(box.tokens->Create({.user = "jo"}, 59s));
  CHECK_FALSE(box.tokens->Create({.user = "jo"}, 90 * 24h + 1s));
  CHECK(box.tokens->Create({.user = "jo"}, 90 * 24h));
  for (std::size_t i = 1; i < Tokens::kPerUserMax; ++i) REQUIRE(box.tokens->Create({.user = "jo"}, 1h));
  CHECK(box.tokens->Create({.user = "jo"}, 1h).error().reason == "TooManyRequests");
  CHECK(box.tokens->Create({.user = "sam"}, 1h));
  box.api.clock.Advance(1h);  // The expired ones make room.
  CHECK(box.tokens->Create({.user = "jo"}, 1h));

  const auto victim = box.tokens->Create({.user = "sam"}, 2h);
  box.text.failure = api::Error{api::Code::kUnavailable, "DiskFull", "no room"};
  CHECK(box.tokens->Create({.user = "sam"}, 1h).error().reason == "DiskFull");
  CHECK_FALSE(box.tokens->Revoke(victim->record.id));
  CHECK(box.tokens->Find(victim->token.Reveal()));  // It says that it failed, and that is true.
  box.text.text = "{\"kind\":";
  CHECK_FALSE(Tokens::Open(box.text, box.api.clock, box.api.entropy));
}

TEST_CASE("[D-06][SEC-54] tokens: members make, see and revoke their own, operators anybody's") {
  TokenBox box;
  const auto of_jo = box.Ask(box.jo, "POST", "/hero/v1/tokens");
  REQUIRE(of_jo.status == 201);
  CHECK(Text(of_jo, "user") == "jo");
  CHECK(Text(of_jo, "role") == "member");
  CHECK(Text(of_jo, "expires") == "2026-11-21T20:58:51Z");  // 24 h.
  CHECK(Text(of_jo, "server") == "https://127.0.0.1:7443");
  CHECK(Text(of_jo, "certificateAuthorityData") == "UEVN");
  CHECK(box.tokens->Find(Text(of_jo, "token"))->member_uid == "jo-uid");
  CHECK(box.Ask(box.jo, "POST", "/hero/v1/tokens", R"({"user":"sam"})").status == 403);
  const auto of_sam = box.Ask(box.root, "POST", "/hero/v1/tokens", R"({"user":"sam","ttl":"2h"})");
  REQUIRE(of_sam.status == 201);
  CHECK(Text(of_sam, "madeBy") == "root");

  CHECK(JsonOf(box.Ask(box.jo, "GET", "/hero/v1/tokens")).Find("items")->size() == 1);
  CHECK(JsonOf(box.Ask(box.root, "GET", "/hero/v1/tokens")).Find("items")->size() == 2);
  CHECK(JsonOf(box.Ask(box.root, "GET", "/hero/v1/tokens?user=sam")).Find("items")->size() == 1);
  CHECK(box.Ask(box.jo, "GET", "/hero/v1/tokens?user=sam").status == 403);
  CHECK(box.Ask(box.root, "GET", "/hero/v1/tokens").body.find("sha256") == std::string::npos);

  CHECK(box.Ask(box.jo, "DELETE", "/hero/v1/tokens/" + Text(of_sam, "id")).status == 403);
  CHECK(box.Ask(box.jo, "DELETE", "/hero/v1/tokens/" + Text(of_jo, "id")).status == 200);
  CHECK(box.Ask(box.root, "DELETE", "/hero/v1/tokens/" + Text(of_sam, "id")).status == 200);
  CHECK(box.Ask(box.root, "DELETE", "/hero/v1/tokens/" + Text(of_sam, "id")).status == 404);
}

TEST_CASE("[D-06][SEC-01] tokens: nobody gives away more than they have, and none over the network") {
  TokenBox box;
  const auto own = box.Ask(box.root, "POST", "/hero/v1/tokens");
  CHECK(Text(own, "role") == "operator");
  CHECK(box.tokens->Find(Text(own, "token"))->account == 0);
  CHECK(box.Ask(box.root, "POST", "/hero/v1/tokens", R"({"user":"anna"})").status == 422);  // No member.
  const auto screen = box.Ask(box.root, "POST", "/hero/v1/tokens", R"({"user":"screen","role":"visitor"})");
  CHECK(Text(screen, "role") == "visitor");
  CHECK(box.Ask(box.root, "POST", "/hero/v1/tokens", R"({"role":"operator"})").status == 400);
  CHECK(box.Ask(box.root, "POST", "/hero/v1/tokens", R"({"usr":"jo"})").status == 400);
  CHECK(box.Ask(box.root, "POST", "/hero/v1/tokens", R"({"ttl":"91d"})").status == 400);
  CHECK(box.Ask(box.root, "POST", "/hero/v1/tokens", R"({"ttl":"2161h"})").status == 422);

  // An operator who acts as a member, even as one of the own name, gives what a member has.
  Request as_jo{.method = "POST",
                .target = *ParseTarget("/hero/v1/tokens"),
                .headers = {{"impersonate-user", "jo"}},
                .caller = box.root};
  const auto of_jo = box.surface.Serve(as_jo);
  CHECK(Text(of_jo, "role") == "member");
  CHECK(Text(of_jo, "madeBy") == "jo (by root)");
  as_jo.headers = {{"impersonate-user", "root"}};
  CHECK(box.surface.Serve(as_jo).status == 403);  // A visitor: there is no such member.

  Caller remote = box.jo;
  remote.address = "127.0.0.1";
  CHECK(box.Ask(remote, "POST", "/hero/v1/tokens").status == 403);
  CHECK(box.Ask(remote, "GET", "/hero/v1/tokens").status == 200);
}

TEST_CASE("[SEC-44] tokens: made and revoked ones are in the audit, and no token is") {
  TokenBox box;
  const auto made = box.Ask(box.jo, "POST", "/hero/v1/tokens");
  box.Ask(box.jo, "DELETE", "/hero/v1/tokens/" + Text(made, "id"));
  const auto lines = box.api.audit_log.lines();
  REQUIRE(lines.size() == 2);
  const auto first = *api::codec::ParseJson(lines[0]);
  CHECK(TextAt(first, {"verb"}) == "create");
  CHECK(TextAt(first, {"target"}) == "tokens.hero.dev/jo");
  CHECK(TextAt(first, {"from"}) == "control socket, uid 1001, pid 8");
  const auto second = *api::codec::ParseJson(lines[1]);
  CHECK(TextAt(second, {"verb"}) == "delete");
  CHECK(TextAt(second, {"target"}) == "tokens.hero.dev/jo/" + Text(made, "id"));
  for (const std::string& line : lines) CHECK(line.find(Text(made, "token").substr(22)) == std::string::npos);
}
