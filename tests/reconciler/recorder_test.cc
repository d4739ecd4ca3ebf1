#include "reconciler/recorder.h"

#include <string>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "tests/support/harness.h"

namespace tests {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// The engine's API with as many events as a test wants, of which nobody sweeps any unasked.
struct EventBench : Harness {
  EventBench() : Harness(api::schema::Catalog()) {}

  void Emit(reconciler::Recorder& recorder, int from, int to) const {
    const api::Object about{.api_version = "test.dev/v1", .kind = "Toy", .metadata = {.name = "a", .uid = {"u"}}};
    for (int i = from; i < to; ++i) recorder.Normal(about, "toy", "Made", "event " + std::to_string(i));
  }
  void EmitIn(reconciler::Recorder& recorder, const std::string& namespace_, int count) const {
    const api::Object about{.api_version = "test.dev/v1",
                            .kind = "Toy",
                            .metadata = {.name = namespace_, .namespace_ = namespace_, .uid = {namespace_}}};
    for (int i = 0; i < count; ++i) recorder.Normal(about, "toy", "Made", "event " + std::to_string(i));
  }
  std::size_t events() const { return client().List("events")->items.size(); }
};

TEST_CASE("[ENGINE] recorder: more old events than one sweep takes go in the next ones, without waiting for a minute") {
  EventBench h;
  reconciler::Recorder recorder(h.client(), h.clock);
  h.Emit(recorder, 0, 1200);
  REQUIRE(h.events() == 1200);
  h.clock.Advance(minutes(61));
  h.Emit(recorder, 1200, 1210);
  recorder.Sweep();
  CHECK(h.events() == 710);  // 500 at once, so that nobody else waits long.
  recorder.Sweep();
  CHECK(h.events() == 210);
  recorder.Sweep();
  CHECK(h.events() == 10);  // The young ones stay.
  h.clock.Advance(seconds(59));
  h.Emit(recorder, 1210, 1211);
  recorder.Sweep();
  CHECK(h.events() == 11);
}

TEST_CASE("[SEC-46] recorder: events that wait for a finalizer of somebody's use up nobody's turn") {
  EventBench h;
  reconciler::Recorder recorder(h.client(), h.clock, {.swept_at_once_max = 5});
  for (int i = 0; i < 5; ++i) {
    api::Object held{.api_version = "v1", .kind = "Event", .metadata = {.name = "held" + std::to_string(i)}};
    held.metadata.namespace_ = "default";
    held.metadata.finalizers = {"x.io/y"};
    REQUIRE(h.client().Create(std::move(held), {.actor = "test"}));
  }
  h.clock.Advance(minutes(61));
  recorder.Sweep();  // From now on the five are being deleted.
  h.Emit(recorder, 0, 3);
  h.clock.Advance(minutes(61));
  recorder.Sweep();
  CHECK(h.events() == 5);
}

TEST_CASE("[ENGINE] recorder: of too many events the oldest go before their time, as fast as they come") {
  EventBench h;
  reconciler::Recorder recorder(h.client(), h.clock, {.kept_max = 100});
  h.Emit(recorder, 0, 1300);
  for (const std::size_t left : {800u, 300u, 100u, 100u}) {
    recorder.Sweep();
    CHECK(h.events() == left);
  }
  const auto rest = h.client().List("events");
  for (const auto& event : rest->items)
    CHECK(event->text.find("\"message\":\"event 12") != std::string::npos);  // 1200 to 1299.
}

TEST_CASE("[SEC-46] recorder: of too many events those of the namespaces that have most go, not those of others") {
  EventBench h;
  reconciler::Recorder recorder(h.client(), h.clock, {.kept_max = 99, .swept_at_once_max = 1000});
  const auto left = [&](const char* namespace_) { return h.client().List("events", namespace_)->items.size(); };
  h.EmitIn(recorder, "sam", 10);
  h.EmitIn(recorder, "jo", 25);
  h.EmitIn(recorder, "eve", 300);
  h.EmitIn(recorder, "mallory", 60);
  recorder.Sweep();
  CHECK(left("sam") == 10);
  CHECK(left("jo") == 25);
  CHECK(left("eve") == 32);  // The rest in two equal shares.
  CHECK(left("mallory") == 32);
  const auto rest = h.client().List("events", "eve");
  for (const auto& event : rest->items)
    CHECK_MESSAGE(event->text.find("\"message\":\"event 2") != std::string::npos, event->text);  // 268 to 299.
}

TEST_CASE("[SEC-46] recorder: of more namespaces than events may stay the youngest stay, as many as may") {
  EventBench h;
  reconciler::Recorder recorder(h.client(), h.clock, {.kept_max = 5});
  for (const char* const namespace_ : {"a", "b", "c", "d", "e", "f", "g"}) h.EmitIn(recorder, namespace_, 1);
  recorder.Sweep();
  CHECK(h.events() == 5);
  CHECK(h.client().List("events", "a")->items.empty());
  CHECK(h.client().List("events", "b")->items.empty());
}

TEST_CASE(
    "[D-01] recorder: an event of a client lives an hour from when it was last seen, in whichever field it says so") {
  EventBench h;
  reconciler::Recorder recorder(h.client(), h.clock);
  const auto make = [&](const std::string& name, const std::string& more) {
    auto json = api::codec::ParseJson(R"({"apiVersion":"v1","kind":"Event","metadata":{"name":")" + name +
                                      R"(","namespace":"default"})" + more + "}");
    REQUIRE(json);
    REQUIRE(h.client().Create(*api::codec::ObjectFromJson(*std::move(json)), {}));
  };
  const std::string now = api::codec::FormatMicroTime(h.clock.Now());
  const std::string later = api::codec::FormatMicroTime(h.clock.Now() + minutes(30));
  make("bare", "");
  make("new", R"(,"eventTime":")" + now + "\"");
  make("series", R"(,"eventTime":")" + now + R"(","series":{"count":2,"lastObservedTime":")" + later + "\"}");
  make("future", R"(,"lastTimestamp":"9999-01-01T00:00:00Z")");
  make("nonsense", R"(,"lastTimestamp":"soon","series":[])");
  recorder.Sweep();
  CHECK(h.events() == 5);
  h.clock.Advance(minutes(61));
  recorder.Sweep();
  CHECK(h.events() == 1);
  CHECK(h.client().Get({"events", "default", "series"}));
  h.clock.Advance(minutes(30));
  recorder.Sweep();
  CHECK(h.events() == 0);
}

}  // namespace
}  // namespace tests
