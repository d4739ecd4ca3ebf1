#include "client/wire_format.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"

using namespace client;
using api::Code;
using api::Json;

namespace {

const api::schema::Kind kSlot{
    .group = "hero.dev", .version = "v1", .kind = "Slot", .plural = "slots", .is_namespaced = true};
const api::schema::Kind kEvent{.version = "v1", .kind = "Event", .plural = "events", .is_namespaced = true};

}  // namespace

TEST_CASE("[WIRE] paths and queries are coded") {
  CHECK(PathOf(kSlot, "alice", "a", "status") == "/apis/hero.dev/v1/namespaces/alice/slots/a/status");
  CHECK(PathOf(kSlot, "") == "/apis/hero.dev/v1/slots");
  CHECK(PathOf(kEvent, "default", "e") == "/api/v1/namespaces/default/events/e");
  CHECK(PathOf(kSlot, "a/b", "..%") == "/apis/hero.dev/v1/namespaces/a%2Fb/slots/..%25");
  CHECK(QueryOf({{"labelSelector", "a in (b,c)"}, {"watch", "true"}}) ==
        "?labelSelector=a%20in%20%28b%2Cc%29&watch=true");
  CHECK(QueryOf({}) == "");
}

TEST_CASE("[WIRE] a status and its code say which kind of failure it is") {
  struct Row {
    int status;
    const char* reason;
    Code code;
  };
  const Row rows[] = {
      {400, "BadRequest", Code::kInvalid},
      {401, "Unauthorized", Code::kForbidden},
      {403, "Forbidden", Code::kForbidden},
      {404, "NotFound", Code::kNotFound},
      {405, "MethodNotAllowed", Code::kInvalid},
      {408, "RequestTimeout", Code::kTimeout},
      {409, "AlreadyExists", Code::kAlreadyExists},
      {409, "Conflict", Code::kConflict},
      {410, "Expired", Code::kExpired},
      {413, "RequestEntityTooLarge", Code::kInvalid},
      {422, "Invalid", Code::kInvalid},
      {429, "TooManyRequests", Code::kUnavailable},
      {500, "InternalError", Code::kInternal},
      {503, "ServiceUnavailable", Code::kUnavailable},
      {504, "Timeout", Code::kTimeout},
  };
  for (const Row& row : rows) {
    CAPTURE(row.reason);
    const Json status =
        Json::Of({{"kind", "Status"}, {"message", "why"}, {"reason", row.reason}, {"code", row.status}});
    CHECK(ErrorOf({.status = row.status, .body = api::codec::WriteJson(status)}) ==
          api::Error{row.code, row.reason, "why"});
  }
  CHECK(ErrorOf({.status = 404, .body = "404 page not found\n"}) ==
        api::Error{Code::kNotFound, "NotFound", "the server could not find the requested resource"});
  CHECK(ErrorOf({.status = 502, .body = "<html>"}).code == Code::kInternal);
}

TEST_CASE("[WIRE] warnings are read from their headers") {
  const HttpResponse response{.headers = {{"warning", R"(299 - "unknown field \"spec.bogus\"")"},
                                          {"date", "x"},
                                          {"warning", "none"},
                                          {"warning", R"(299 - "a\\b")"}}};
  CHECK(WarningsOf(response) == std::vector<std::string>{"unknown field \"spec.bogus\"", "a\\b"});
}

TEST_CASE("[WIRE] a line of a watch is an event, an error, or malformed") {
  const auto added = EventOf(
      kSlot, R"({"type":"ADDED","object":{"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"a",)"
             R"("namespace":"n","resourceVersion":"7","uid":"u","generation":2,"labels":{"x":"y"},"ownerReferences":)"
             R"([{"apiVersion":"v1","kind":"K","name":"k","uid":"o"}],"deletionTimestamp":"2026-11-20T20:58:51Z"}}})");
  REQUIRE(added);
  CHECK(added->type == reconciler::EventType::kAdded);
  CHECK(added->revision.value == 7);
  CHECK(added->object->key == api::ObjectKey{"slots.hero.dev", "n", "a"});
  CHECK(added->object->uid.value == "u");
  CHECK(added->object->generation.value == 2);
  CHECK(added->object->is_deleting);
  CHECK(added->object->owners == std::vector<api::Uid>{{"o"}});
  const auto bookmark = EventOf(kSlot, R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})");
  REQUIRE(bookmark);
  CHECK(bookmark->type == reconciler::EventType::kBookmark);
  CHECK(bookmark->revision.value == 9);
  CHECK_FALSE(bookmark->object);
  const auto error = EventOf(
      kSlot, R"({"type":"ERROR","object":{"kind":"Status","message":"too old","reason":"Expired","code":410}})");
  REQUIRE_FALSE(error);
  CHECK(error.error() == api::Error{Code::kExpired, "Expired", "too old"});
  for (const char* const line : {"", "{", "[]", R"({"type":"ADDED"})", R"({"type":"ADDED","object":{}})",
                                 R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})",
                                 R"({"type":"ADDED","object":{"apiVersion":"hero.dev/v1","kind":"Slot"}})",
                                 R"({"type":"MOVED","object":{"metadata":{"name":"a"}}})"}) {
    CAPTURE(line);
    const auto malformed = EventOf(kSlot, line);
    REQUIRE_FALSE(malformed);
    CHECK(malformed.error().reason == "MalformedAnswer");
  }
}

TEST_CASE("[WIRE] a state from the wire tells how far its object was seen to, as one from the store does") {
  const auto state_of = [](const std::string& rest) {
    const auto json = api::codec::ParseJson(
        R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"a","generation":2},)" + rest + "}");
    REQUIRE(json);
    const auto snapshot = SnapshotOf(kSlot, *json);
    REQUIRE(snapshot);
    CHECK((*snapshot)->text == api::codec::WriteJson(*json));
    return **snapshot;
  };
  const auto with_status = [&](const std::string& observed, const std::string& conditions) {
    return state_of(R"("status":{"observedGeneration":)" + observed + R"(,"conditions":[)" + conditions + "]}");
  };
  const std::string ready = R"({"type":"Ready","status":"True","reason":"Reconciled"})";
  CHECK(with_status("2", ready).is_ready);
  CHECK(with_status("2", ready).is_synced);
  CHECK_FALSE(with_status("1", ready).is_synced);  // Of the spec before this one.
  CHECK_FALSE(with_status("2", R"({"type":"Ready","status":"False","reason":"Failed"})").is_ready);
  CHECK_FALSE(with_status("2", R"({"type":"Stalled","status":"True","reason":"Failed"})").is_synced);
  CHECK(state_of(R"("spec":{"suspend":{"reason":"x"}})").has_suspension);
  CHECK_FALSE(state_of(R"("spec":{"size":1})").has_suspension);
}

TEST_CASE("[WIRE] a list of resources becomes kinds") {
  const auto json = api::codec::ParseJson(
      R"({"groupVersion":"hero.dev/v1","resources":[{"name":"slots/status","kind":"Slot","namespaced":true},)"
      R"({"name":"slots","singularName":"slot","namespaced":true,"kind":"Slot","shortNames":["sl"]},{"name":"users","kind":"User","namespaced":false}]})");
  const auto kinds = KindsOf(*json);
  REQUIRE(kinds);
  REQUIRE(kinds->size() == 2);
  CHECK(kinds->at(0).resource() == "slots.hero.dev");
  CHECK(kinds->at(0).api_version() == "hero.dev/v1");
  CHECK(kinds->at(0).is_namespaced);
  CHECK(kinds->at(0).has_status);
  CHECK(kinds->at(0).short_names == std::vector<std::string>{"sl"});
  CHECK_FALSE(kinds->at(1).has_status);
  CHECK(KindsOf(*api::codec::ParseJson(R"({"groupVersion":"v1","resources":[{"name":"events","kind":"Event"}]})"))
            ->at(0)
            .api_version() == "v1");
  CHECK_FALSE(KindsOf(Json::EmptyObject()));
}
