#include "client/wait.h"

#include <future>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "tests/client/wire_box.h"

using namespace client;
using namespace tests;
using namespace std::chrono_literals;
using api::Json;

namespace {

const api::ObjectKey kA{"slots.hero.dev", "default", "a"};

void Create(reconciler::Client& client, const std::string& name) {
  api::Object object{.api_version = "hero.dev/v1", .kind = "Slot", .metadata = {.name = name, .namespace_ = "default"}};
  REQUIRE(client.Create(object, {}));
}

void SetReady(reconciler::Client& client, const std::string& status, std::int64_t generation) {
  auto object = api::codec::ParseObject((*client.Get(kA))->text);
  object->body["status"] =
      Json::Of({{"conditions",
                 Json::Array{Json::Of({{"type", "Ready"}, {"status", status}, {"observedGeneration", generation}})}}});
  REQUIRE(client.UpdateStatus(*object, {}));
}

}  // namespace

TEST_CASE("[CTL] what --for understands") {
  struct Row {
    const char* text;
    WaitFor::What what;
    const char* path;
    const char* value;
  };
  const Row rows[] = {
      {"delete", WaitFor::What::kDeletion, "", "True"},
      {"condition=Ready", WaitFor::What::kCondition, "Ready", "True"},
      {"condition=Ready=False", WaitFor::What::kCondition, "Ready", "False"},
      {"jsonpath={.status.phase}=Running", WaitFor::What::kPath, "{.status.phase}", "Running"},
      {R"(jsonpath={.c[?(@.type=="x")].s}=a=b)", WaitFor::What::kPath, R"({.c[?(@.type=="x")].s})", "a=b"},
      {"jsonpath=.status.phase=Running", WaitFor::What::kPath, ".status.phase", "Running"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto wait = ParseWaitFor(row.text);
    REQUIRE(wait);
    CHECK(wait->what == row.what);
    CHECK(wait->path == row.path);
    CHECK(wait->value == row.value);
  }
  for (const char* const text : {"", "Ready", "condition=", "jsonpath={.a}", "jsonpath=", "deleted"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseWaitFor(text));
  }
}

TEST_CASE("[CTL] a condition counts for the generation it was observed for") {
  const auto ready = ParseWaitFor("condition=ready");  // In any case, as kubectl has it.
  const auto met = [&](const char* text) {
    const auto object = api::codec::ParseJson(text);
    return IsMet(*ready, &*object);
  };
  CHECK(met(
      R"({"metadata":{"generation":2},"status":{"conditions":[{"type":"Ready","status":"True","observedGeneration":2}]}})"));
  CHECK(met(R"({"metadata":{"generation":2},"status":{"conditions":[{"type":"Ready","status":"true"}]}})"));
  CHECK(met(
      R"({"metadata":{"generation":2},"status":{"observedGeneration":2,"conditions":[{"type":"Ready","status":"True"}]}})"));
  CHECK_FALSE(met(
      R"({"metadata":{"generation":2},"status":{"conditions":[{"type":"Ready","status":"True","observedGeneration":1}]}})"));
  CHECK_FALSE(met(
      R"({"metadata":{"generation":2},"status":{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True"}]}})"));
  CHECK_FALSE(met(R"({"metadata":{"generation":1},"status":{"conditions":[{"type":"Ready","status":"False"}]}})"));
  CHECK_FALSE(met(R"({"metadata":{"generation":1},"status":{"conditions":[{"type":"Stalled","status":"True"}]}})"));
  CHECK_FALSE(met(R"({"metadata":{"generation":1}})"));
  CHECK_FALSE(IsMet(*ready, nullptr));
}

TEST_CASE("[CTL] a deletion is met by absence, a path by its text") {
  const Json object = *api::codec::ParseJson(R"({"status":{"phase":"Running","count":3}})");
  CHECK(IsMet(*ParseWaitFor("delete"), nullptr));
  CHECK_FALSE(IsMet(*ParseWaitFor("delete"), &object));
  CHECK(IsMet(*ParseWaitFor("jsonpath={.status.phase}=Running"), &object));
  CHECK(IsMet(*ParseWaitFor("jsonpath={.status.count}=3"), &object));
  CHECK_FALSE(IsMet(*ParseWaitFor("jsonpath={.status.phase}=Stopped"), &object));
}

TEST_CASE_TEMPLATE("[CTL] waiting ends with the event that meets the condition", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const host::linux::SystemClock clock;
  Create(client, "a");
  SetReady(client, "False", 1);
  std::vector<std::string> met;
  auto waiting = std::async(std::launch::async, [&] {
    return WaitUntil(client, {kA}, *ParseWaitFor("condition=Ready"), 60s, clock, {},
                     [&](const api::ObjectKey& key) { met.push_back(ToString(key)); });
  });
  Create(client, "b");  // Somebody else's event.
  SetReady(client, "True", 1);
  REQUIRE(waiting.wait_for(20s) == std::future_status::ready);
  CHECK(waiting.get());
  CHECK(met == std::vector<std::string>{"slots.hero.dev/default/a"});
}

TEST_CASE_TEMPLATE("[CTL] waiting for what is not there yet, and for it to go", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const host::linux::SystemClock clock;
  const auto wait_for = [&](const char* what) {
    return std::async(std::launch::async, [&, what] {
      return WaitUntil(client, {kA}, *ParseWaitFor(what), 60s, clock, {}, [](const api::ObjectKey&) {});
    });
  };
  CHECK(wait_for("delete").get());
  auto coming = wait_for("jsonpath={.metadata.name}=a");
  Create(client, "a");
  CHECK(coming.get());
  auto going = wait_for("delete");
  REQUIRE(client.Delete(kA, {}));
  CHECK(going.get());
}

TEST_CASE("[CTL] waiting takes no longer than its time and says for what it waited") {
  EmbeddedApi api;
  const host::linux::SystemClock clock;
  Create(api.client(), "a");
  const auto waited =
      WaitUntil(api.client(), {kA}, *ParseWaitFor("condition=Ready"), 20ms, clock, {}, [](const api::ObjectKey&) {});
  REQUIRE_FALSE(waited);
  CHECK(waited.error().code == api::Code::kTimeout);
  CHECK(waited.error().message == "timed out waiting for the condition Ready=True on slots.hero.dev/default/a");
}
