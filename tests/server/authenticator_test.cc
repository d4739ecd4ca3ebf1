#include "server/authenticator.h"

#include <string>
#include <unistd.h>

#include <doctest/doctest.h>

#include "tests/support/fake_append_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kept_text.h"
#include "tests/support/harness.h"

using namespace server;
using namespace tests;
using namespace std::chrono_literals;

namespace {

struct Gate {
  std::string Make(TokenRecord wish) const { return tokens->Create(std::move(wish), 1h)->token.Reveal(); }
  /// `jo member`, or the error's reason.
  std::string Show(const std::string& authorization, const std::string& address = "10.0.0.1") {
    const auto caller = gate.Identify({.authorization = authorization, .address = address});
    if (!caller) return caller.error().reason;
    return caller->name + (caller->is_operator ? " operator" : caller->is_member ? " member" : " visitor");
  }

  FakeClock clock{};
  SeededEntropy entropy{};
  FakeKeptText text{};
  FakeAppendLog log{};
  reconciler::Audit audit{&log};
  Refusals refusals{audit, clock};
  std::unique_ptr<Tokens> tokens = *Tokens::Open(text, clock, entropy);
  std::optional<std::string> jo_uid{"first"};
  Operators operators{.daemon = ::getuid(), .group = "no-such-group"};
  std::string own_name = Identify({.uid = ::getuid()}, operators).name;
  Authenticator gate{*tokens, operators, [this](std::string_view user) { return user == "jo" ? jo_uid : std::nullopt; },
                     refusals, clock};
};

}  // namespace

TEST_CASE(
    "[D-06][SEC-01] authenticator: a member's token ends with the member, and is not the next one's of that name") {
  Gate gate;
  const std::string token = "Bearer " + gate.Make({.user = "jo", .role = "member", .member_uid = "first"});
  CHECK(gate.Show(token) == "jo member");
  CHECK(gate.Show("bearer   " + token.substr(7)) == "jo member");
  gate.jo_uid.reset();  // Removed, or deactivated.
  CHECK(gate.Show(token) == "Unauthorized");
  gate.jo_uid = "second";  // Another person of that name.
  CHECK(gate.Show(token) == "Unauthorized");
  gate.jo_uid = "first";
  gate.clock.Advance(1h);
  CHECK(gate.Show(token) == "Unauthorized");
}

TEST_CASE("[D-06][SEC-01] authenticator: an operator's token counts while its account is one") {
  Gate gate;
  const auto account = static_cast<std::int64_t>(::getuid());
  CHECK(gate.Show("Bearer " + gate.Make({.user = gate.own_name, .role = "operator", .account = account})) ==
        gate.own_name + " operator");
  CHECK(gate.Show("Bearer " + gate.Make({.user = "other", .role = "operator", .account = account})) == "Unauthorized");
  CHECK(gate.Show("Bearer " + gate.Make({.user = "nobody", .role = "operator", .account = 65534})) == "Unauthorized");
  CHECK(gate.Show("Bearer " + gate.Make({.user = "jo", .role = "operator"})) == "Unauthorized");
  CHECK(gate.Show("Bearer " + gate.Make({.user = "screen", .role = "visitor"})) == "screen visitor");
}

TEST_CASE("[D-06][SEC-44] authenticator: whatever is wrong gets the same words, and none of it into the audit") {
  Gate gate;
  const std::string token = gate.Make({.user = "jo", .role = "member", .member_uid = "first"});
  for (const std::string& wrong :
       {std::string(), std::string("Bearer"), std::string("Bearer "), token, "Basic " + token, "Bearer x" + token,
        "Bearer " + token + "0", std::string("Bearer hero_ab_cd")}) {
    CAPTURE(wrong);
    const auto refused = gate.gate.Identify({.authorization = wrong, .address = "10.0.0.1"});
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == api::Error{api::Code::kForbidden, "Unauthorized", "Unauthorized"});
  }
  REQUIRE(gate.log.lines().size() == 8);
  for (const std::string& line : gate.log.lines()) {
    CHECK(line.find("hero_") == std::string::npos);
    CHECK(line.find(R"("from":"10.0.0.1")") != std::string::npos);
  }
}

TEST_CASE("[D-06][SEC-54] authenticator: an address that fails too often waits, but nobody with a token does") {
  Gate gate;
  const std::string token = "Bearer " + gate.Make({.user = "jo", .role = "member", .member_uid = "first"});
  for (int i = 0; i < Authenticator::kFailuresPerMinute; ++i) REQUIRE(gate.Show("Bearer x") == "Unauthorized");
  CHECK(gate.Show("Bearer x") == "TooManyRequests");
  CHECK(gate.Show(token) == "jo member");
  CHECK(gate.Show("Bearer x", "10.0.0.2") == "Unauthorized");
  gate.clock.Advance(1min);
  CHECK(gate.Show("Bearer x") == "Unauthorized");
}
