#include "reconciler/loop.h"

#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "tests/reconciler/text_file.h"

namespace tests {
namespace {

using api::Code;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("[HTB-18] loop: the state of the host decides what is written, and a second pass writes nothing") {
  struct Row {
    const char* name;
    std::optional<std::string> on_host;
    int writes;
  };
  const Row rows[] = {{"missing: created", std::nullopt, 1},
                      {"edited by hand: restored", "oops", 1},
                      {"already equal: untouched", "hello", 0}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    TextFileHarness h;
    if (row.on_host) h.files.texts["/etc/motd"] = *row.on_host;
    h.Put("motd", {"/etc/motd", "hello"});
    REQUIRE(h.ReconcileUntilIdle());
    CHECK(h.files.Text("/etc/motd") == "hello");
    CHECK(h.files.writes == row.writes);
    CHECK(h.Ready("motd") == "True Reconciled");
    CHECK(h.Get<TextFile>("motd")->status.size_bytes == 5);
    CHECK(h.Get<TextFile>("motd")->common.observed_generation == api::Generation{1});
    CHECK(h.WritesDuring([&] {
      h.clock.Advance(minutes(11));
      REQUIRE(h.ReconcileUntilIdle());
    }) == 0);
    CHECK(h.files.writes == row.writes);
  }
}

TEST_CASE("[ENGINE] loop: drift that nobody announced is found by the rescan") {
  TextFileHarness h;
  h.Put("motd", {"/etc/motd", "hello"});
  REQUIRE(h.ReconcileUntilIdle());
  h.files.texts["/etc/motd"] = "oops";
  h.clock.Advance(minutes(9));
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.Text("/etc/motd") == "oops");
  h.clock.Advance(minutes(1));
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.Text("/etc/motd") == "hello");
}

TEST_CASE("[ENGINE] loop: a changed spec is followed, and its generation observed") {
  TextFileHarness h;
  h.Put("motd", {"/etc/motd", "hello"});
  REQUIRE(h.ReconcileUntilIdle());
  h.Put("motd", {"/etc/motd", "bye"});
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.Text("/etc/motd") == "bye");
  CHECK(h.Get<TextFile>("motd")->common.observed_generation == api::Generation{2});
}

TEST_CASE("[ENGINE] loop: a deleted object is undone on the host before it goes, and leaves nothing") {
  TextFileHarness h;
  h.Put("motd", {"/etc/motd", "hello"});
  REQUIRE(h.ReconcileUntilIdle());
  h.Delete<TextFile>("motd");
  CHECK(h.Get<TextFile>("motd"));  // The finalizer holds it.
  REQUIRE(h.ReconcileUntilIdle());
  CHECK_FALSE(h.Get<TextFile>("motd"));
  CHECK(h.files.texts.empty());
}

TEST_CASE("[HTB-19] loop: a failing step is named in the condition and retried, and others go on") {
  TextFileHarness h;
  h.files.failing["/etc/bad"] = {Code::kUnavailable, "DiskFull", "no space left"};
  h.Put("bad", {"/etc/bad", "x"});
  h.Put("good", {"/etc/good", "x"});
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.Ready("good") == "True Reconciled");
  CHECK(h.Ready("bad") == "False DiskFull");
  CHECK(h.ConditionOf<TextFile>("bad", api::kReconciling) == "True Retrying");
  CHECK(h.Get<TextFile>("bad")->common.Find(api::kReady)->message == "write /etc/bad: is missing: no space left");
  h.files.failing.clear();
  h.clock.Advance(minutes(5));
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.Ready("bad") == "True Reconciled");
  CHECK(h.ConditionOf<TextFile>("bad", api::kReconciling) == "");
}

TEST_CASE("[ENGINE] loop: what only another spec can mend is not tried again until it changes") {
  TextFileHarness h;
  h.files.failing["/etc/motd"] = {Code::kInvalid, "BadPath", "cannot be"};
  h.Put("motd", {"/etc/motd", "x"});
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.Ready("motd") == "False BadPath");
  CHECK(h.ConditionOf<TextFile>("motd", api::kStalled) == "True BadPath");
  CHECK(h.files.writes == 1);
  h.clock.Advance(minutes(9));
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.writes == 1);
  h.Put("motd", {"/etc/other", "x"});
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.Ready("motd") == "True Reconciled");
}

TEST_CASE("[ENGINE] loop: a step that says done and does nothing is seen as no progress, not repeated for ever") {
  TextFileHarness h;
  h.files.is_lying = true;
  h.Put("motd", {"/etc/motd", "hello"});
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.Ready("motd") == "False NoProgress");
  CHECK(h.files.writes == 1);
}

TEST_CASE("[HTB-19] loop: an exception costs its object a retry and the others nothing") {
  TextFileHarness h;
  bool throws = true;
  h.controller->before_observe = [&](const TextFile& object) {
    if (throws && object.metadata.name == "bad") throw std::logic_error("a bug");
  };
  h.Put("bad", {"/etc/bad", "x"});
  h.Put("good", {"/etc/good", "x"});
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.Ready("good") == "True Reconciled");
  CHECK(h.Ready("bad") == "False Exception");
  throws = false;
  h.clock.Advance(minutes(5));
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.Ready("bad") == "True Reconciled");
}

TEST_CASE("[ENGINE] loop: a parent's child is made, follows it, is remade when removed, and goes before it") {
  TextFileHarness h;
  h.Put("a", {"/a", "one", "b"});
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.Text("/a.copy") == "one");
  CHECK(h.Get<TextFile>("b")->metadata.owner_references.at(0).name == "a");
  h.Put("a", {"/a", "two", "b"});
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.Text("/a.copy") == "two");
  h.Delete<TextFile>("b");
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.Text("/a.copy") == "two");
  CHECK(h.Ready("a") == "True Reconciled");
  h.Delete<TextFile>("a");
  REQUIRE(h.ReconcileUntilIdle());
  h.clock.Advance(seconds(2));
  REQUIRE(h.ReconcileUntilIdle());
  CHECK_FALSE(h.Get<TextFile>("a"));
  CHECK_FALSE(h.Get<TextFile>("b"));
  CHECK(h.files.texts.empty());
}

TEST_CASE("[ENGINE-11] loop: a parent keeps the fields of its child that others own") {
  TextFileHarness h;
  h.Put("a", {"/a", "one", "b"});
  REQUIRE(h.ReconcileUntilIdle());
  const auto patch = api::codec::ParseJson(
      R"({"metadata": {"labels": {"team": "x"}}, "spec": {"suspend": {"reason": "look"}, "content": "by hand"}})");
  REQUIRE(h.client().Patch({"textfiles.test.dev", "", "b"}, *patch, {}));
  REQUIRE(h.ReconcileUntilIdle());
  const auto object = api::codec::ParseObject((*h.client().Get({"textfiles.test.dev", "", "b"}))->text);
  CHECK(object->metadata.labels.at("team") == "x");
  CHECK(object->body.At({"spec", "suspend", "reason"}));
  CHECK(*object->body.At({"spec", "content"}) == api::Json("one"));
}

TEST_CASE("[ENGINE] loop: a suspended object is left alone until its time has come") {
  TextFileHarness h;
  h.Put("motd", {"/etc/motd", "hello"});
  REQUIRE(h.ReconcileUntilIdle());
  const auto suspend =
      api::codec::ParseJson(R"({"spec": {"suspend": {"reason": "look", "until": "2026-11-20T21:28:51Z"}}})");
  REQUIRE(h.client().Patch({"textfiles.test.dev", "", "motd"}, *suspend, {}));
  h.files.texts["/etc/motd"] = "oops";
  h.clock.Advance(minutes(29));
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.Text("/etc/motd") == "oops");
  h.clock.Advance(minutes(2));
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(h.files.Text("/etc/motd") == "hello");
}

TEST_CASE("[ENGINE] loop: suspended until a far year it sleeps, instead of spinning on a time that overflows") {
  TextFileHarness h;
  h.Put("motd", {"/etc/motd", "hello"});
  REQUIRE(h.ReconcileUntilIdle());
  const auto suspend = api::codec::ParseJson(R"({"spec": {"suspend": {"until": "9999-12-31T00:00:00Z"}}})");
  REQUIRE(h.client().Patch({"textfiles.test.dev", "", "motd"}, *suspend, {}));
  CHECK(h.ReconcileUntilIdle());
  h.clock.Advance(std::chrono::hours(25));
  CHECK(h.ReconcileUntilIdle());
}

TEST_CASE("[ENGINE] loop: every step is an event on its object, and a repeated one is counted") {
  TextFileHarness h;
  h.files.failing["/etc/motd"] = {Code::kUnavailable, "DiskFull", "no space left"};
  h.Put("motd", {"/etc/motd", "hello"});
  for (int i = 0; i < 3; ++i) {
    REQUIRE(h.ReconcileUntilIdle());
    h.clock.Advance(minutes(5));
  }
  auto events = h.client().List("events");
  REQUIRE(events);
  REQUIRE(events->items.size() == 1);
  const auto event = api::codec::ParseObject(events->items[0]->text);
  CHECK(event->metadata.namespace_ == "default");
  CHECK(*event->body.Find("reason") == api::Json("DiskFull"));
  CHECK(*event->body.Find("type") == api::Json("Warning"));
  CHECK(*event->body.Find("count") == api::Json(3));
  CHECK(*event->body.At({"involvedObject", "name"}) == api::Json("motd"));
}

TEST_CASE("[ENGINE] loop: killed at any point, the next start comes to the same end") {
  // The store survives, the process does not: a second engine goes on where the first was stopped.
  for (int steps = 0; steps < 12; ++steps) {
    CAPTURE(steps);
    TextFileHarness h;
    h.Put("a", {"/a", "one", "b"});
    for (int i = 0; i < steps; ++i) h.manager().Step();
    const std::unique_ptr<reconciler::Store> tasks = *reconciler::Store::Open({.path = ":memory:"});
    reconciler::Manager second(h.client(), *tasks, h.engine->catalog(), {.clock = h.clock, .entropy = h.entropy});
    second.Add(std::make_unique<TextFileController>(h.files), {.name = "text-file"});
    int left = Harness::kStepsMax;
    while (second.Step() && --left > 0) {
    }
    CHECK(left > 0);
    CHECK(h.files.Text("/a") == "one");
    CHECK(h.files.Text("/a.copy") == "one");
    CHECK(h.Ready("a") == "True Reconciled");
    CHECK(h.Ready("b") == "True Reconciled");
  }
}

TEST_CASE("[ENGINE] manager: with real threads an object becomes ready, and the stop is prompt") {
  TextFileHarness h;
  std::stop_source stop;
  std::jthread run([&] { CHECK(h.manager().Run(stop.get_token())); });
  auto watch = h.client().OpenWatch("textfiles.test.dev", {0});
  REQUIRE(watch);
  h.Put("motd", {"/etc/motd", "hello"});
  bool is_ready = false;
  while (!is_ready) {
    auto event = (*watch)->Next(seconds(10), {});
    REQUIRE(event);
    REQUIRE(*event);
    is_ready = h.Ready("motd") == "True Reconciled";
  }
  CHECK(h.files.Text("/etc/motd") == "hello");
  stop.request_stop();
}

}  // namespace
}  // namespace tests
