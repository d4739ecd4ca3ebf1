#include <string>

#include <doctest/doctest.h>

#include "reconciler/builtin_kinds.h"
#include "tests/support/api_box.h"
#include "tests/support/protobuf_bytes.h"
#include "tests/support/temp_dir.h"

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
  const std::vector<Header> json{{"content-type", "application/json-patch+json"}};
  CHECK(box.Ask("PATCH", path, R"([{"op":"replace","path":"/spec","value":5}])", json).status == 400);
  CHECK(box.Ask("PATCH", path, R"([{"op":"replace","path":"/spec/leaseTransitions","value":2}])", json).status == 200);
}

TEST_CASE("[D-01] built-in kinds: an event of events.k8s.io brings no fields of the core's spelling past the types") {
  BuiltinBox box;
  const std::string events = "/apis/events.k8s.io/v1/namespaces/default/events";
  REQUIRE(box.Ask("POST", events, R"({"metadata":{"name":"a"},"message":5,"involvedObject":"x","note":"n"})").status ==
          201);
  const api::Json core = JsonOf(box.Ask("GET", std::string(kEvents) + "/a"));
  CHECK(TextAt(core, {"message"}) == "n");
  CHECK(TextAt(core, {"involvedObject"}) == "(none)");
  const std::vector<Header> json{{"content-type", "application/json-patch+json"}};
  for (const char* path : {"/message", "/note"})
    CHECK(box.Ask("PATCH", events + "/a", std::string(R"([{"op":"add","path":")") + path + R"(","value":5}])", json)
              .status == 400);
}

TEST_CASE(
    "[SEC-61][D-01] what is stored can be read again: nesting beyond the reader's bound is refused, however it comes") {
  const TempDir dir;
  const reconciler::StoreOptions options{.path = dir / "store.db"};
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += R"({"f:a":)";
    return text + "{}" + std::string(static_cast<std::size_t>(depth), '}');
  };
  {
    ApiBox box(options);
    const auto with = [&](int depth) {
      return Envelope(
          "v1", "Event",
          BytesField(1, BytesField(1, "a" + std::to_string(depth)) +
                            BytesField(17, BytesField(1, "m") + BytesField(7, BytesField(1, nested(depth))))));
    };
    for (const int depth : {56, 60, 63}) {
      CAPTURE(depth);
      CHECK(box.Ask("POST", kEvents, with(depth)).status == 400);
    }
    REQUIRE(box.Ask("POST", kEvents, R"({"metadata":{"name":"b"},"x":)" + nested(40) + "}").status == 201);
    std::string path = "/x";
    for (int i = 0; i < 40; ++i) path += "/f:a";
    CHECK(box.Ask("PATCH", std::string(kEvents) + "/b",
                  R"([{"op":"add","path":")" + path + R"(/y","value":)" + nested(40) + "}]",
                  {{"content-type", "application/json-patch+json"}})
              .status == 422);
  }
  ApiBox again(options);
  CHECK(again.Ask("GET", std::string(kEvents) + "/b").status == 200);
}
