#include "server/engine_view.h"

#include <chrono>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace tests;
using namespace std::chrono_literals;
using reconciler::QueuedKey;
using reconciler::StepResult;

TEST_CASE("[WIRE] the queues are told as documented, by anybody's wish") {
  ApiBox box;
  box.caller = {.uid = 1001, .name = "jo"};
  box.queues = {
      {.controller = "user",
       .keys = {{.request = {"", "alice"}, .state = QueuedKey::State::kProcessing, .age = 1500ms},
                {.request = {"team", "slides"},
                 .state = QueuedKey::State::kWaiting,
                 .priority = reconciler::Priority::kLow,
                 .age = 2s,
                 .ready_in = 350ms,
                 .failures = 3}}},
      {.controller = "team"},
  };
  const auto answer = box.Ask("GET", "/hero/v1/queue");
  CHECK(answer.status == 200);
  CHECK(
      answer.body ==
      R"({"controllers":[{"controller":"user","keys":[{"age":"1s500ms","failures":0,"object":"alice","priority":"normal",)"
      R"("state":"processing"},{"age":"2s","failures":3,"object":"team/slides","priority":"low","readyIn":"350ms",)"
      R"("state":"waiting"}]},{"controller":"team","keys":[]}],"kind":"Queue"})");
  CHECK(box.Ask("POST", "/hero/v1/queue").status == 405);
  CHECK(box.Ask("GET", "/hero/v1/queues").status == 404);
}

TEST_CASE("[WIRE] why tells the passes over one object, as documented") {
  ApiBox box;
  box.history = {{.controller = "slot",
                  .object = {"slots.hero.dev", "alice", "a"},
                  .began = box.clock.Now(),
                  .took = 61'001us,
                  .causes = {"spec changed"},
                  .rounds = 1,
                  .steps = {{.sentence = "create x: is missing", .state = StepResult::State::kDone, .took = 52ms},
                            {.sentence = "write y: differs",
                             .state = StepResult::State::kFailed,
                             .error = {api::Code::kUnavailable, "DiskFull", "no space"},
                             .took = 1us},
                            {.sentence = "write z: differs", .state = StepResult::State::kSkipped}},
                  .outcome = "retry",
                  .failures = "write y: no space",
                  .next = 10min,
                  .repeated = 2}};
  const auto answer = box.Ask("GET", "/hero/v1/why?resource=slots.hero.dev&namespace=alice&name=a");
  CHECK(box.asked_why == api::ObjectKey{"slots.hero.dev", "alice", "a"});
  CHECK(
      answer.body ==
      R"({"kind":"History","passes":[{"began":"2026-11-20T20:58:51.000000Z","causes":["spec changed"],"controller":"slot",)"
      R"("failures":"write y: no space","nextIn":"10m","outcome":"retry","repeated":2,"rounds":1,"steps":[)"
      R"({"state":"done","step":"create x: is missing","took":"52ms"},)"
      R"({"message":"no space","reason":"DiskFull","state":"failed","step":"write y: differs","took":"1ms"},)"
      R"({"state":"skipped","step":"write z: differs"}],"took":"62ms"}]})");
}

TEST_CASE("[WIRE] why is about one object of a kind that there is") {
  ApiBox box;
  const std::pair<const char*, int> rows[] = {{"/hero/v1/why", 400},
                                              {"/hero/v1/why?name=a", 400},
                                              {"/hero/v1/why?resource=slots.hero.dev", 400},
                                              {"/hero/v1/why?resource=things.hero.dev&name=a", 404},
                                              {"/hero/v1/why?resource=slots.hero.dev&name=a", 200}};
  for (const auto& [target, status] : rows) {
    CAPTURE(target);
    CHECK(box.Ask("GET", target).status == status);
  }
}

TEST_CASE("[WIRE] metrics are served in Prometheus' text format") {
  ApiBox box;
  using Type = reconciler::MetricFamily::Type;
  box.metrics = {
      {"workqueue_depth", "Keys.", Type::kGauge, {{.labels = {{"name", "user"}, {"priority", "1"}}, .value = 3}}},
      {"adds_total", "Adds.", Type::kCounter, {{.value = 7}}},
      {"took_seconds", "Time.", Type::kHistogram, {{.buckets = {{0.5, 2}, {1, 3}, {0, 4}}, .sum_seconds = 9.5}}},
  };
  const auto answer = box.Ask("GET", "/metrics");
  CHECK(answer.status == 200);
  CHECK(answer.body ==
        "# HELP workqueue_depth Keys.\n# TYPE workqueue_depth gauge\n"
        "workqueue_depth{name=\"user\",priority=\"1\"} 3\n"
        "# HELP adds_total Adds.\n# TYPE adds_total counter\nadds_total 7\n"
        "# HELP took_seconds Time.\n# TYPE took_seconds histogram\ntook_seconds_count 4\ntook_seconds_sum 9.5\n"
        "took_seconds_bucket{le=\"0.5\"} 2\ntook_seconds_bucket{le=\"1\"} 3\ntook_seconds_bucket{le=\"+Inf\"} 4\n");
  CHECK(box.Ask("POST", "/metrics").status == 405);
}
