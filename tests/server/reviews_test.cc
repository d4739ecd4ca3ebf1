#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "reconciler/builtin_kinds.h"
#include "tests/support/api_box.h"
#include "tests/support/protobuf_bytes.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kAccessReviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
constexpr const char* kRulesReviews = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
constexpr const char* kSelfReviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// With the kinds that every server has.
struct ReviewBox : ApiBox {
  ReviewBox() {
    for (auto& kind : reconciler::BuiltinKinds()) (void)catalog.Add(std::move(kind));
  }

  void BeMember() { caller = {.uid = 1001, .name = "jo"}; }

  /// `allowed`, and the reason when it is not.
  std::string MayI(const std::string& attributes) {
    const auto response = Ask("POST", kAccessReviews, R"({"spec":)" + attributes + "}");
    REQUIRE(response.status == 201);
    const api::Json json = JsonOf(response);
    const bool is_allowed = TextAt(json, {"status", "allowed"}) == "true";
    return is_allowed ? "yes" : "no: " + TextAt(json, {"status", "reason"});
  }
};

std::string Of(const std::string& attributes) { return R"({"resourceAttributes":{)" + attributes + "}}"; }

}  // namespace

TEST_CASE("[D-01][D-07] reviews: kubectl's question in protobuf is echoed with its answer, and nothing is stored") {
  ReviewBox box;
  const auto revision = box.store->revision();
  const auto response = box.Ask("POST", kAccessReviews, FromHex(kAccessReviewHex));
  CHECK(response.status == 201);
  CHECK(
      response.body ==
      R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","metadata":{},)"
      R"("spec":{"resourceAttributes":{"group":"hero.dev","namespace":"default","resource":"slots","verb":"create"}},)"
      R"("status":{"allowed":true}})");
  CHECK(box.store->revision() == revision);
}

TEST_CASE("[D-07] reviews: what is answered is what a request of that kind would meet") {
  ReviewBox box;
  struct Row {
    const char* question;
    const char* member;  ///< The answer to one; an operator may do all of these.
  };
  const Row rows[] = {
      {R"("verb":"get","group":"hero.dev","resource":"users","name":"alice")", "yes"},
      {R"("verb":"list","resource":"namespaces")", "yes"},
      {R"("verb":"watch","group":"hero.dev","resource":"slots")", "yes"},
      {R"("verb":"create","group":"authorization.k8s.io","resource":"selfsubjectaccessreviews")", "yes"},
      {R"("verb":"delete","group":"hero.dev","resource":"users","name":"alice","namespace":"x")",
       "no: users.hero.dev \"alice\" is forbidden: User \"jo\" cannot delete resource \"users\" in API group \"hero.dev\" at "
       "the cluster scope"},
      {R"("verb":"update","group":"hero.dev","resource":"users","subresource":"status")",
       "no: users.hero.dev is forbidden: User \"jo\" cannot update resource \"users/status\" in API group \"hero.dev\" at the "
       "cluster scope"},
      {R"("verb":"*","group":"*","resource":"*")",
       "no: *.* is forbidden: User \"jo\" cannot * resource \"*\" in API group \"*\" at the cluster scope"},
      {R"("verb":"create","group":"apps","resource":"deployments","namespace":"default")",
       "no: deployments.apps is forbidden: User \"jo\" cannot create resource \"deployments\" in API group \"apps\" in the "
       "namespace \"default\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.question);
    box.caller = {.uid = 0, .name = "root", .is_operator = true};
    CHECK(box.MayI(Of(row.question)) == "yes");
    box.BeMember();
    CHECK(box.MayI(Of(row.question)) == row.member);
  }
  CHECK(box.MayI(R"({"nonResourceAttributes":{"path":"/version","verb":"get"}})") == "yes");
}

TEST_CASE("[D-07] reviews: an operator who acts as a member is answered as that member") {
  ReviewBox box;
  const auto response =
      box.Ask("POST", kAccessReviews,
              R"({"spec":{"resourceAttributes":{"verb":"create","group":"hero.dev","resource":"users"}}})",
              {{"impersonate-user", "jo"}});
  CHECK(TextAt(JsonOf(response), {"status", "allowed"}) == "false");
}

TEST_CASE("[D-07] reviews: the list of what one may do has a rule for all kinds of a group that are alike") {
  ReviewBox box;
  const std::string question = R"({"spec":{"namespace":"default"}})";
  CHECK(TextAt(JsonOf(box.Ask("POST", kRulesReviews, question)), {"status"}) ==
        R"({"incomplete":false,"nonResourceRules":[{"nonResourceURLs":["*"],"verbs":["get"]}],)"
        R"("resourceRules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]})");
  box.BeMember();
  CHECK(
      TextAt(JsonOf(box.Ask("POST", kRulesReviews, question)), {"status", "resourceRules"}) ==
      R"([{"apiGroups":["hero.dev"],"resources":["slots","users","approvals"],"verbs":["get","list","watch"]},)"
      R"({"apiGroups":["hero.dev"],"resources":["slots/status","users/status","approvals/status"],"verbs":["get"]},)"
      R"({"apiGroups":[""],"resources":["events","namespaces"],"verbs":["get","list","watch"]},)"
      R"({"apiGroups":["events.k8s.io"],"resources":["events"],"verbs":["get","list","watch"]},)"
      R"({"apiGroups":[""],"resources":["namespaces/status"],"verbs":["get"]},)"
      R"({"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["get","list","watch"]},)"
      R"({"apiGroups":["apiextensions.k8s.io"],"resources":["customresourcedefinitions"],"verbs":["get","list","watch"]},)"
      R"({"apiGroups":["apiextensions.k8s.io"],"resources":["customresourcedefinitions/status"],"verbs":["get"]},)"
      R"({"apiGroups":["authentication.k8s.io"],"resources":["selfsubjectreviews"],"verbs":["create"]},)"
      R"({"apiGroups":["authorization.k8s.io"],"resources":["selfsubjectaccessreviews","selfsubjectrulesreviews"],)"
      R"("verbs":["create"]}])");
}

TEST_CASE("[D-06] reviews: who one is") {
  ReviewBox box;
  CHECK(box.Ask("POST", kSelfReviews, R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"})").body ==
        R"({"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview","metadata":{},)"
        R"("status":{"userInfo":{"groups":["hero:operators","system:authenticated"],"username":"driver"}}})");
  box.BeMember();
  CHECK(TextAt(JsonOf(box.Ask("POST", kSelfReviews, "{}")), {"status", "userInfo"}) ==
        R"({"groups":["hero:members","system:authenticated"],"username":"jo"})");
}

TEST_CASE("[D-01] reviews: what is no question is refused, and nothing else can be done with them") {
  ReviewBox box;
  const std::string access = kAccessReviews;
  struct Row {
    const char* method;
    std::string target;
    const char* body;
    int status;
  };
  const Row rows[] = {
      {"POST", access, "{}", 422},
      {"POST", access, R"({"spec":{}})", 422},
      {"POST", access, R"({"spec":{"resourceAttributes":{},"nonResourceAttributes":{}}})", 422},
      {"POST", access, R"({"spec":{"resourceAttributes":{"verb":1}}})", 400},
      {"POST", access, R"({"spec":[]})", 400},
      {"POST", access, R"({"kind":"Lease"})", 422},
      {"POST", kRulesReviews, R"({"spec":{"namespace":{}}})", 400},
      {"POST", access + "/x", "{}", 405},
      {"GET", access, "", 405},
      {"GET", access + "/x", "", 405},
      {"DELETE", access, "", 405},
  };
  for (const Row& row : rows) {
    CAPTURE(row.method);
    CAPTURE(row.body);
    CHECK(box.Ask(row.method, row.target, row.body).status == row.status);
  }
}

TEST_CASE("[D-01] leases: what leader election sends is kept to the microsecond, and a race has one winner") {
  ReviewBox box;
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  CHECK(box.Ask("GET", leases + "/gotest?timeout=5s").status == 404);
  const auto created = box.Ask("POST", leases + "?timeout=5s", FromHex(kLeaseHex));
  REQUIRE(created.status == 201);
  api::Json lease = JsonOf(created);
  CHECK(TextAt(lease, {"spec", "renewTime"}) == "2026-11-20T21:25:11.278878Z");
  CHECK(TextAt(lease, {"spec", "acquireTime"}) == "2026-11-20T21:25:11.278878Z");

  api::Json mine = lease;
  mine["spec"]["renewTime"] = "2026-11-20T21:25:13.000001Z";
  CHECK(box.Ask("PUT", leases + "/gotest", api::codec::WriteJson(mine)).status == 200);
  CHECK(TextAt(JsonOf(box.Ask("GET", leases + "/gotest")), {"spec", "renewTime"}) == "2026-11-20T21:25:13.000001Z");
  api::Json other = lease;
  other["spec"]["holderIdentity"] = "somebody else";
  CHECK(box.Ask("PUT", leases + "/gotest", api::codec::WriteJson(other)).status == 409);

  const std::string released = Envelope(
      "coordination.k8s.io/v1", "Lease",
      BytesField(
          1, BytesField(1, "gotest") + BytesField(3, "default") +
                 BytesField(6, TextAt(JsonOf(box.Ask("GET", leases + "/gotest")), {"metadata", "resourceVersion"}))) +
          BytesField(2, BytesField(1, "") + NumberField(2, 1)));
  const auto response = box.Ask("PUT", leases + "/gotest", released);
  CHECK(response.status == 200);
  CHECK(TextAt(JsonOf(response), {"spec"}) == R"({"holderIdentity":"","leaseDurationSeconds":1})");
}
