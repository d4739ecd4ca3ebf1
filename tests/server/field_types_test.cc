#include <string>

#include <doctest/doctest.h>

#include "reconciler/builtin_kinds.h"
#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kLeases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
constexpr const char* kEvents = "/api/v1/namespaces/default/events";

struct BuiltinBox : ApiBox {
  BuiltinBox() {
    for (auto& kind : reconciler::BuiltinKinds()) (void)catalog.Add(std::move(kind));
  }
};

}  // namespace

TEST_CASE(
    "[D-01] built-in kinds: a value of a type that their clients cannot read is refused, and the field is named") {
  BuiltinBox box;
  struct Row {
    const char* path;
    const char* body;
    const char* message;
  };
  const Row rows[] = {
      {kLeases, R"({"metadata":{"name":"a"},"spec":{"leaseDurationSeconds":"5"}})",
       "spec.leaseDurationSeconds must be an integer of 32 bits"},
      {kLeases, R"({"metadata":{"name":"a"},"spec":{"leaseDurationSeconds":2147483648}})",
       "spec.leaseDurationSeconds must be an integer of 32 bits"},
      {kLeases, R"({"metadata":{"name":"a"},"spec":{"renewTime":"soon"}})",
       "spec.renewTime must be a time such as 2026-11-20T20:58:51Z"},
      {kLeases, R"({"metadata":{"name":"a"},"spec":[]})", "spec must be an object"},
      {kLeases, R"({"metadata":{"name":"a","labels":{"k":1}}})", "metadata.labels must be an object of strings"},
      {kLeases, R"({"metadata":{"name":"a","ownerReferences":[{"controller":"yes"}]}})",
       "metadata.ownerReferences[0].controller must be a boolean"},
      {"/api/v1/namespaces", R"({"metadata":{"name":"a"},"spec":{"finalizers":[1]}})",
       "spec.finalizers[0] must be a string"},
      {kEvents, R"({"metadata":{"name":"a"},"series":{"count":2.5}})", "series.count must be an integer of 32 bits"},
      {kEvents, R"({"metadata":{"name":"a"},"involvedObject":{"name":[]}})", "involvedObject.name must be a string"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.body);
    const auto response = box.Ask("POST", row.path, row.body);
    CHECK(response.status == 400);
    const std::string message = TextAt(JsonOf(response), {"message"});
    CHECK(message.find(" in version \"v1\" cannot be handled as a ") != std::string::npos);
    CHECK(message.ends_with(": " + std::string(row.message)));
  }
}

TEST_CASE("[D-01] built-in kinds: nulls are absent, and a merge patch is held to the same types") {
  BuiltinBox box;
  REQUIRE(box.Ask("POST", kLeases, R"({"metadata":{"name":"a","creationTimestamp":null},"spec":{"renewTime":null}})")
              .status == 201);
  const std::string path = std::string(kLeases) + "/a";
  const std::vector<Header> merge{{"content-type", "application/merge-patch+json"}};
  CHECK(box.Ask("PATCH", path, R"({"spec":{"leaseTransitions":true}})", merge).status == 400);
  CHECK(box.Ask("PATCH", path, R"({"spec":{"leaseTransitions":1,"holderIdentity":null}})", merge).status == 200);
  CHECK(box.Ask("PUT", path, R"({"metadata":{"name":"a"},"spec":{"strategy":{}}})").status == 400);
}
