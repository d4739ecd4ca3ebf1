// What the Repository plans, as a table of (spec, state) and steps, without an engine.
#include <functional>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::v1::Repository;
using controllers::BranchHeads;
using controllers::RepositoryState;
using reconciler::TaskState;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kUrl = "file:///srv/slides.git";
const api::Time kNow = api::Time(seconds(1'795'208'331));
const BranchHeads kHeads = {{"main", std::string(40, 'a')}};

/// A mirror fetched a minute ago that equals its origin, and what differs from that.
struct RepositoryTable {
  RepositoryTable() { good.fetch = Fetched(minutes(1), kUrl); }

  static TaskState Fetched(std::chrono::microseconds ago, const std::string& url) {
    return {.phase = TaskState::Phase::kSucceeded, .ended = kNow - ago, .result = api::Json(url)};
  }
  RepositoryState But(const std::function<void(RepositoryState&)>& change) const {
    RepositoryState state = good;
    change(state);
    return state;
  }
  void Check(const char* name, const Repository& object, const RepositoryState& state, const std::string& steps) const {
    CAPTURE(name);
    const reconciler::Plan plan = controller.Diff(object, state, kNow);
    CHECK(Sentences(plan) == steps);
    CHECK(Describe(plan) == Describe(controller.Diff(object, state, kNow)));
  }

  FakeGit git;
  const controllers::RepositoryController controller{
      git, host::PathsOf("/box", "driver"), {.interval = minutes(10), .jitter_percent = 0}};
  Repository slides{.metadata = {.name = "slides"}, .spec = {.url = kUrl, .interval = "5m"}};
  RepositoryState good{.mirror = kHeads, .origin = kHeads};
};

TEST_CASE("[HTB-08] repository: diff, as a table of what is and what has to be done") {
  RepositoryTable t;
  const auto fetch = [](const std::string& why) { return "fetch slides: " + why + kUrl; };
  const std::string due = fetch("was last fetched an interval ago from ") + " (upkeep)\n";
  t.Check("as it should be", t.slides, t.good, "");
  t.Check("nothing there", t.slides, {}, fetch("is not mirrored yet from ") + "\n");
  t.Check("a push", t.slides, t.But([](auto& s) { s.origin->at("main") = std::string(40, 'b'); }),
          fetch("has moved at ") + "\n");
  t.Check("a new branch", t.slides, t.But([](auto& s) { s.origin->emplace("next", std::string(40, 'b')); }),
          fetch("has moved at ") + "\n");
  t.Check("no branch is left", t.slides, t.But([](auto& s) { s.origin->clear(); }), fetch("has moved at ") + "\n");
  t.Check("an origin of the network is not looked at", t.slides, t.But([](auto& s) { s.origin.reset(); }), "");
  t.Check("the interval is over", t.slides, t.But([](auto& s) { s.fetch->ended = kNow - minutes(5); }), due);
  t.Check("almost over", t.slides, t.But([](auto& s) { s.fetch->ended = kNow - minutes(5) + seconds(1); }), "");
  t.Check("fetched in a time to come", t.slides, t.But([](auto& s) { s.fetch->ended = kNow + minutes(1); }), due);
  t.Check("from another URL", t.slides, t.But([](auto& s) { s.fetch->result = api::Json("file:///old"); }),
          fetch("is not mirrored yet from ") + "\n");
  t.Check("the mirror is gone", t.slides, t.But([](auto& s) { s.mirror.reset(); }),
          fetch("is not mirrored yet from ") + "\n");
  t.Check("the mirror is broken", t.slides, t.But([](auto& s) {
    s.mirror.reset();
    s.mirror_error = Error{Code::kUnavailable, "GitUnavailable", "broken"};
  }),
          fetch("has a mirror that cannot be read, is to be mirrored anew from ") + "\n");
  t.Check("the origin cannot be read", t.slides, t.But([](auto& s) {
    s.origin.reset();
    s.origin_error = Error{Code::kNotFound, "NotFound", "is not there"};
  }),
          "! NotFound\n");
  t.Check("the newest fetch failed: the status says when the last good one was", t.slides,
          t.But([](auto& s) { s.fetch->phase = TaskState::Phase::kFailed; }),
          fetch("is not mirrored yet from ") + "\n");

  Repository noted = t.slides;
  noted.status = {.url = kUrl, .last_fetch_time = kNow - minutes(1)};
  t.Check("noted in the status alone", noted, t.But([](auto& s) { s.fetch.reset(); }), "");

  Repository own = t.slides;
  own.spec.interval = "soon";
  t.Check("no interval", own, t.good, "! InvalidDuration\n");
  own.spec.interval.reset();
  t.Check("the box's interval is not over", own, t.But([](auto& s) { s.fetch->ended = kNow - minutes(9); }), "");
  t.Check("the box's interval is over", own, t.But([](auto& s) { s.fetch->ended = kNow - minutes(10); }), due);

  Repository deleted = t.slides;
  deleted.metadata.deletion_timestamp = api::Time();
  const std::string removal =
      "remove mirror /box/home/driver/hero/var/herod/mirrors/slides.git: its repository is being deleted\n";
  t.Check("deleted", deleted, t.good, removal);
  t.Check("deleted, and broken", deleted, t.But([](auto& s) {
    s.mirror.reset();
    s.mirror_error = Error{Code::kUnavailable, "GitUnavailable", "broken"};
  }),
          removal);
  t.Check("deleted, nothing is left", deleted, {}, "");
}

TEST_CASE(
    "[HTB-08] repository: polls are spread over the configured part of the interval, each name at its own place") {
  FakeGit git;
  const auto waits = [&](int percent, const std::string& name) {
    const controllers::RepositoryController controller(git, host::PathsOf("/box", "driver"),
                                                       {.jitter_percent = percent});
    const Repository one{.metadata = {.name = name}, .spec = {.url = kUrl, .interval = "100m"}};
    const RepositoryState state{
        .mirror = kHeads, .origin = kHeads, .fetch = RepositoryTable::Fetched(minutes(0), kUrl)};
    return *controller.Diff(one, state, kNow).recheck_after;
  };
  std::set<std::chrono::milliseconds> places;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "repository-" + std::to_string(i);
    CHECK(waits(0, name) == minutes(100));
    CHECK(waits(20, name) >= minutes(100));
    CHECK(waits(20, name) < minutes(120));
    CHECK(waits(20, name) == waits(20, name));
    places.insert(waits(20, name));
  }
  CHECK(places.size() > 90);
}

}  // namespace
}  // namespace tests
