#include <array>
#include <chrono>
#include <pwd.h>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "server/caller.h"
#include "server/route.h"
#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

TEST_CASE("[HTB-78][WIRE] operators are root and the daemon's own account") {
  const Operators operators{.daemon = 1000};
  CHECK(Identify({.uid = 0}, operators).is_operator);
  CHECK(Identify({.uid = 1000}, operators).is_operator);
  CHECK_FALSE(Identify({.uid = 1001}, operators).is_operator);
  CHECK(Identify({.uid = 0}, operators).name == "root");
  CHECK(Identify({.uid = 4000000000}, operators).name == "uid:4000000000");
}

TEST_CASE(
    "[HTB-78][WIRE] members of the operators' group are operators, by the account and not by the socket's group") {
  // Accounts and groups that every Debian has: the account games is in the group games, and in no other.
  const passwd* games = getpwnam("games");
  REQUIRE(games != nullptr);
  const uid_t uid = games->pw_uid;
  CHECK(Identify({.uid = uid}, {.daemon = 1000, .group = "games"}).is_operator);
  CHECK_FALSE(Identify({.uid = uid}, {.daemon = 1000, .group = "daemon"}).is_operator);
  CHECK_FALSE(Identify({.uid = uid}, {.daemon = 1000, .group = "no-such-group"}).is_operator);
  CHECK_FALSE(Identify({.uid = 4000000000, .gid = games->pw_gid}, {.daemon = 1000, .group = "games"}).is_operator);
}

TEST_CASE("[SEC-01][WIRE] an operator acts as a member and is judged as that member") {
  ApiBox box;
  const std::vector<Header> as_jo{{"impersonate-user", "jo"}};
  CHECK(box.Ask("GET", "/apis/hero.dev/v1/users", "", as_jo).status == 200);
  const auto refused = box.Ask("DELETE", "/apis/hero.dev/v1/users/a", "", as_jo);
  CHECK(refused.status == 403);
  CHECK(
      TextAt(JsonOf(refused), {"message"}) ==
      "users.hero.dev \"a\" is forbidden: User \"jo\" cannot delete resource \"users\" in API group \"hero.dev\" at the cluster "
      "scope");
  // The name of an operator gives no more than that of anybody else.
  CHECK(box.Ask("DELETE", "/apis/hero.dev/v1/users/a", "", {{"impersonate-user", "root"}}).status == 403);
  CHECK(box.Ask("DELETE", "/apis/hero.dev/v1/users/a").status == 404);
}

TEST_CASE("[SEC-01][WIRE] nobody else acts as somebody, not even to read, not even as oneself") {
  ApiBox box;
  box.caller = {.uid = 1001, .name = "jo"};
  for (const char* name : {"root", "alice", "jo", ""}) {
    CAPTURE(name);
    const auto refused = box.Ask("GET", "/version", "", {{"impersonate-user", name}});
    CHECK(refused.status == 403);
    CHECK(
        TextAt(JsonOf(refused), {"message"}) ==
        "users" + (*name ? " \"" + std::string(name) + "\"" : "") +
            " is forbidden: User \"jo\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope");
  }
}

TEST_CASE("[SEC-01][WIRE] a name that nobody can have, and headers beside the name, are refused") {
  ApiBox box;
  const std::string rule = " is no member's name: letters, digits and . _ - @ make one, at most 253 of them";
  const std::pair<std::vector<Header>, std::string> rows[] = {
      {{{"impersonate-user", ""}}, "Impersonate-User: \"\"" + rule},
      {{{"impersonate-user", "a b"}}, "Impersonate-User: \"a b\"" + rule},
      {{{"impersonate-user", "system:controller:user"}}, "Impersonate-User: \"system:controller:user\"" + rule},
      {{{"impersonate-user", "jo"}, {"impersonate-user", "alice"}}, "Impersonate-User stands twice"},
      {{{"impersonate-user", "jo"}, {"impersonate-group", "hero-admin"}},
       "the header impersonate-group is not served; name a member in Impersonate-User alone"},
      {{{"impersonate-uid", "0"}}, "the header impersonate-uid is not served; name a member in Impersonate-User alone"},
  };
  for (const auto& [headers, message] : rows) {
    CAPTURE(message);
    const auto refused = box.Ask("GET", "/version", "", headers);
    CHECK(refused.status == 400);
    CHECK(TextAt(JsonOf(refused), {"message"}) == message);
  }
}

TEST_CASE("[SEC-01] the audit names both: who acts and as whom") {
  CHECK(Caller{.name = "alice"}.Actor() == "alice");
  CHECK(Caller{.name = "alice", .impersonator = "root"}.Actor() == "alice (by root)");
}

TEST_CASE("[SEC-01] a member reads everything and writes nothing, whatever the headers say") {
  ApiBox box;
  box.caller = {.uid = 1001, .name = "jo", .is_operator = false};
  const std::vector<Header> claims{{"x-hero-user", "root"}, {"authorization", "Basic cm9vdDo="}};
  struct Row {
    const char* method;
    const char* target;
    int status;
  };
  const Row rows[] = {
      {"GET", "/apis/hero.dev/v1/slots", 200},
      {"GET", "/apis/hero.dev/v1/users/a", 404},
      {"GET", "/version", 200},
      {"GET", "/hero/v1/plan", 200},
      {"POST", "/apis/hero.dev/v1/users", 403},
      {"PUT", "/apis/hero.dev/v1/users/a", 403},
      {"PUT", "/apis/hero.dev/v1/users/a/status", 403},
      {"PATCH", "/apis/hero.dev/v1/users/a", 403},
      {"DELETE", "/apis/hero.dev/v1/users/a", 403},
      {"DELETE", "/apis/hero.dev/v1/users", 403},
      {"BREW", "/apis/hero.dev/v1/users/a", 403},
      {"POST", "/api/v1/namespaces/default/events", 403},
  };
  for (const Row& row : rows) {
    CAPTURE(row.method);
    CAPTURE(row.target);
    CHECK(box.Ask(row.method, row.target, "{}", claims).status == row.status);
  }
}

TEST_CASE("[WIRE] a refusal says who, what and where as Kubernetes does") {
  ApiBox box;
  box.caller = {.uid = 1001, .name = "jo", .is_operator = false};
  const api::Json named = JsonOf(box.Ask("DELETE", "/apis/hero.dev/v1/namespaces/default/slots/a"));
  CHECK(
      TextAt(named, {"message"}) ==
      "slots.hero.dev \"a\" is forbidden: User \"jo\" cannot delete resource \"slots\" in API group \"hero.dev\" in the namespace "
      "\"default\"");
  CHECK(TextAt(named, {"reason"}) == "Forbidden");
  CHECK(TextAt(named, {"details"}) == R"({"group":"hero.dev","kind":"slots","name":"a"})");
  const api::Json cluster = JsonOf(box.Ask("POST", "/apis/hero.dev/v1/users", "{}"));
  CHECK(
      TextAt(cluster, {"message"}) ==
      "users.hero.dev is forbidden: User \"jo\" cannot create resource \"users\" in API group \"hero.dev\" at the cluster scope");
}

/// The audit's lines as values.
std::vector<api::Json> AuditOf(const ApiBox& box) {
  std::vector<api::Json> lines;
  for (const std::string& line : box.audit_log.lines()) {
    auto json = api::codec::ParseJson(line);
    REQUIRE(json);
    lines.push_back(*std::move(json));
  }
  return lines;
}

TEST_CASE("[SEC-01][SEC-54] who is refused is in the audit log: who, what, and from where") {
  ApiBox box;
  box.caller = {.uid = 1001, .gid = 1001, .pid = 4711, .name = "jo"};
  REQUIRE(box.Ask("GET", "/apis/hero.dev/v1/users/a").status == 404);
  REQUIRE(box.audit_log.lines().empty());  // Who may read is no news.
  REQUIRE(box.Ask("DELETE", "/apis/hero.dev/v1/namespaces/alice/slots/a").status == 403);
  REQUIRE(box.Ask("PUT", "/apis/hero.dev/v1/users/a/status", "{}").status == 403);
  REQUIRE(box.Ask("GET", "/version", "", {{"impersonate-user", "root"}}).status == 403);
  box.caller = {.uid = 0, .pid = 12, .name = "root", .is_operator = true};
  REQUIRE(box.Ask("POST", "/apis/hero.dev/v1/users", "{}", {{"impersonate-user", "jo"}}).status == 403);
  const auto lines = AuditOf(box);
  REQUIRE(lines.size() == 4);
  const std::array<std::array<std::string, 4>, 4> rows{{
      {"jo", "delete", "slots.hero.dev/alice/a", "control socket, uid 1001, pid 4711"},
      {"jo", "update", "users.hero.dev/a/status", "control socket, uid 1001, pid 4711"},
      {"jo", "impersonate", "users/root", "control socket, uid 1001, pid 4711"},
      {"jo (by root)", "create", "users.hero.dev", "control socket, uid 0, pid 12"},
  }};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    CHECK(TextAt(lines[i], {"actor"}) == rows[i][0]);
    CHECK(TextAt(lines[i], {"verb"}) == rows[i][1]);
    CHECK(TextAt(lines[i], {"target"}) == rows[i][2]);
    CHECK(TextAt(lines[i], {"from"}) == rows[i][3]);
    CHECK(TextAt(lines[i], {"outcome"}) == "Forbidden");
  }
}

TEST_CASE("[SEC-54] nobody fills the audit log with refusals, and what was left out is counted") {
  ApiBox box;
  box.caller = {.uid = 1001, .pid = 1, .name = "jo"};
  const auto ask = [&](int times) {
    for (int i = 0; i < times; ++i) REQUIRE(box.Ask("DELETE", "/apis/hero.dev/v1/users/a").status == 403);
  };
  ask(100);
  REQUIRE(AuditOf(box).size() == 60);
  CHECK(TextAt(AuditOf(box).back(), {"reason"}) == "the last one of this minute that is written");
  box.caller = {.uid = 1002, .pid = 2, .name = "sam"};
  ask(1);
  CHECK(AuditOf(box).size() == 61);  // One account's noise hides nobody else.
  box.clock.Advance(std::chrono::minutes(1));
  box.caller = {.uid = 1001, .pid = 1, .name = "jo"};
  ask(1);
  REQUIRE(AuditOf(box).size() == 62);
  CHECK(TextAt(AuditOf(box).back(), {"reason"}) == "after 40 that were not written");
}
