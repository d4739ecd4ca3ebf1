#include <set>

#include <doctest/doctest.h>

#include "host/linux/clock.h"
#include "host/linux/entropy.h"
#include "tests/support/fake_clock.h"

namespace {

TEST_CASE("[HOST] SystemClock: the wall clock is of this century, the steady one never goes back") {
  const host::linux::SystemClock clock;
  CHECK(clock.Now() > api::Time(std::chrono::seconds(1'600'000'000)));
  auto last = clock.SteadyNow();
  for (int i = 0; i < 1000; ++i) {
    const auto now = clock.SteadyNow();
    REQUIRE(now >= last);
    last = now;
  }
}

TEST_CASE("[HOST] FakeClock: stands still, moves when told, and its wall clock can be set alone") {
  tests::FakeClock clock;
  const auto wall = clock.Now();
  const auto steady = clock.SteadyNow();
  CHECK(clock.Now() == wall);

  clock.Advance(std::chrono::minutes(5));
  CHECK(clock.Now() == wall + std::chrono::minutes(5));
  CHECK(clock.SteadyNow() == steady + std::chrono::minutes(5));

  clock.SetWall(wall - std::chrono::hours(1));
  CHECK(clock.Now() == wall - std::chrono::hours(1));
  CHECK(clock.SteadyNow() == steady + std::chrono::minutes(5));
}

TEST_CASE("[HOST] SystemEntropy: a thousand numbers are a thousand different ones") {
  host::linux::SystemEntropy entropy;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(entropy.Next());
  CHECK(seen.size() == 1000);
}

}  // namespace
