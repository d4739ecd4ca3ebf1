#include "server/roles.h"

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;
using api::schema::Kind;

namespace {

api::schema::KindPtr KindOf(const std::string& group, const std::string& plural, bool is_namespaced) {
  Kind kind;
  kind.group = group;
  kind.version = "v1";
  kind.plural = plural;
  kind.is_namespaced = is_namespaced;
  kind.is_review = group == "authentication.k8s.io";
  return std::make_shared<const Kind>(std::move(kind));
}

Caller CallerOf(Role role) {
  return {.name = "jo_x", .is_operator = role == Role::kOperator, .is_member = role != Role::kVisitor};
}

/// Who may: `o` operator, `m` member, `v` visitor.
std::string Allowed(const std::string& verb, const Route& route) {
  std::string who;
  for (const Role role : {Role::kOperator, Role::kMember, Role::kVisitor})
    if (Authorize(CallerOf(role), verb, &route)) who += NameOf(role).front();
  return who;
}

const std::array<std::string, 9> kVerbs{
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "impersonate"};

}  // namespace

TEST_CASE("[HTB-78][SEC-54] roles: every role, verb and sort of kind") {
  struct Row {
    const char* what;
    Route route;
    const char* reads;
    const char* writes;
  };
  const Row rows[] = {
      {"cluster", {.kind = KindOf("hero.dev", "users", false), .name = "a"}, "om", "o"},
      {"own", {.kind = KindOf("hero.dev", "builds", true), .namespace_ = "jo-x", .name = "a"}, "om", "om"},
      {"another's", {.kind = KindOf("hero.dev", "builds", true), .namespace_ = "sam", .name = "a"}, "om", "o"},
      {"everywhere", {.kind = KindOf("hero.dev", "builds", true), .is_everywhere = true}, "om", "o"},
      {"fleet", {.kind = KindOf("hero.dev", "slots", false), .name = "a"}, "omv", "o"},
      {"own binding", {.kind = KindOf("hero.dev", "bindings", true), .namespace_ = "jo-x"}, "omv", "om"},
      {"own status",
       {.kind = KindOf("hero.dev", "bindings", true), .namespace_ = "jo-x", .name = "a", .subresource = "status"},
       "om",
       "o"},
      {"third party's status",
       {.kind = KindOf("example.org", "things", true), .namespace_ = "jo-x", .name = "a", .subresource = "status"},
       "om",
       "om"},
      {"third party's, cluster", {.kind = KindOf("example.org", "things", false), .name = "a"}, "om", "o"},
      {"namespace", {.kind = KindOf("", "namespaces", false), .name = "jo-x"}, "om", "o"},
      {"crd", {.kind = KindOf("apiextensions.k8s.io", "customresourcedefinitions", false)}, "om", "o"},
      {"own event", {.kind = KindOf("", "events", true), .namespace_ = "jo-x"}, "om", "om"},
      {"own secret", {.kind = KindOf("", "secrets", true), .namespace_ = "jo-x", .name = "a"}, "om", "om"},
      {"another's secret", {.kind = KindOf("", "secrets", true), .namespace_ = "sam", .name = "a"}, "o", "o"},
      {"all secrets", {.kind = KindOf("", "secrets", true), .is_everywhere = true}, "o", "o"},
      {"own token", {.kind = TokenKind(), .namespace_ = "jo-x", .name = "1"}, "om", "om"},
      {"another's token", {.kind = TokenKind(), .namespace_ = "sam", .name = "1"}, "o", "o"},
      {"review of oneself", {.kind = KindOf("authorization.k8s.io", "selfsubjectaccessreviews", false)}, "o", "omv"},
      {"review of others", {.kind = KindOf("authorization.k8s.io", "subjectaccessreviews", false)}, "o", "o"},
      {"who am I", {.kind = KindOf("authentication.k8s.io", "selfsubjectreviews", false)}, "o", "omv"},
      {"somebody", {.kind = PersonKind(), .name = "sam"}, "o", "o"},
      {"unknown", {.kind = KindOf("apps", "deployments", true), .namespace_ = "sam"}, "om", "o"},
  };
  for (const Row& row : rows)
    for (const std::string& verb : kVerbs) {
      CAPTURE(row.what);
      CAPTURE(verb);
      const bool is_read = verb == "get" || verb == "list" || verb == "watch";
      CHECK(Allowed(verb, row.route) == (is_read ? row.reads : row.writes));
    }
}

TEST_CASE("[HTB-78] roles: the table has each role and sort once") {
  std::vector<std::pair<Role, Sort>> seen;
  for (const Rule& rule : RoleTable()) {
    const std::pair key(rule.role, rule.sort);
    CHECK(std::find(seen.begin(), seen.end(), key) == seen.end());
    seen.push_back(key);
  }
  CHECK(seen.size() == 3 * 8);
}

TEST_CASE("[HTB-78][SEC-54] roles: a visitor sees health, versions, discovery and schemas, and no more of the box") {
  ApiBox box;
  box.caller = {.uid = 1001, .name = "screen", .is_member = false};
  for (const char* const path : {"/healthz", "/readyz", "/version", "/apis", "/api/v1", "/apis/hero.dev/v1"}) {
    CAPTURE(path);
    CHECK(box.Ask("GET", path).status == 200);
  }
  CHECK(box.Ask("GET", "/apis/hero.dev/v1/slots").status == 200);
  for (const char* const path : {"/metrics", "/hero/v1/queue", "/hero/v1/plan", "/hero/v1/why",
                                 "/apis/hero.dev/v1/users", "/apis/hero.dev/v1/users/a", "/api/v1/events"}) {
    CAPTURE(path);
    const auto refused = box.Ask("GET", path);
    CHECK(refused.status == 403);
    CHECK(TextAt(JsonOf(refused), {"reason"}) == "Forbidden");
  }
  CHECK(TextAt(JsonOf(box.Ask("GET", "/metrics")), {"message"}) ==
        "forbidden: User \"screen\" cannot get path \"/metrics\"");
  CHECK(box.audit_log.lines().size() == 8);
}

TEST_CASE("[HTB-78] roles: a member writes in the own namespace, at the wire too") {
  ApiBox box;
  box.caller = {.uid = 1001, .name = "jo_x"};
  const std::string slot =
      R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"a"},"spec":{"size":2,"image":"base:1"}})";
  CHECK(box.Ask("POST", "/apis/hero.dev/v1/namespaces/jo-x/slots", slot).status == 201);
  CHECK(box.Ask("POST", "/apis/hero.dev/v1/namespaces/sam/slots", slot).status == 403);
  CHECK(box.Ask("PUT", "/apis/hero.dev/v1/namespaces/jo-x/slots/a/status", slot).status == 403);
  CHECK(box.Ask("DELETE", "/apis/hero.dev/v1/namespaces/jo-x/slots/a").status == 200);
}
