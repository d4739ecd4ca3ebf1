#include "server/workers.h"

#include <atomic>
#include <latch>
#include <semaphore>

#include <doctest/doctest.h>

using namespace server;

TEST_CASE("[HTB-78][SEC-54] workers: who has one call waits for no flood of somebody else's") {
  std::latch blocked(1);
  std::latch released(1);
  std::string order;
  std::latch done(9);
  Workers workers(1, 1000);  // Ends its threads before what they wait on goes.
  const auto note = [&](char letter) {
    return [&order, &done, letter] {
      order += letter;
      done.count_down();
    };
  };
  workers.Start();
  REQUIRE(workers.Add("eve", [&] {
    blocked.count_down();
    released.wait();
  }));
  blocked.wait();
  for (int i = 0; i < 5; ++i) REQUIRE(workers.Add("eve", note('e')));
  for (int i = 0; i < 2; ++i) REQUIRE(workers.Add("jo", note('j')));
  for (int i = 0; i < 2; ++i) REQUIRE(workers.Add("sam", note('s')));
  released.count_down();
  done.wait();
  CHECK(order.find('j') <= 2);  // One of eve's may have been next.
  CHECK(order.find('s') <= 2);
  CHECK(order.rfind('s') <= 5);
  CHECK(order.ends_with("ee"));
}

TEST_CASE("[HTB-78][SEC-54] workers: one user's calls never hold all threads") {
  std::counting_semaphore<10> started(0);
  std::latch released(1);
  std::latch served(1);
  Workers workers(3, 1000);  // Ends its threads before what they wait on goes.
  workers.Start();
  for (int i = 0; i < 10; ++i)
    REQUIRE(workers.Add("eve", [&] {
      started.release();
      released.wait();
    }));
  started.acquire();
  started.acquire();
  CHECK_FALSE(started.try_acquire());
  REQUIRE(workers.Add("jo", [&] { served.count_down(); }));
  served.wait();  // While all that eve may have still run.
  released.count_down();
  for (int i = 0; i < 8; ++i) started.acquire();
}

TEST_CASE("[HTB-78][SEC-54] workers: what waits is bounded for each user, and forgotten at the end") {
  std::atomic<int> ran{0};
  {
    Workers workers(1, 2);
    CHECK(workers.Add("eve", [&] { ++ran; }));
    CHECK(workers.Add("eve", [&] { ++ran; }));
    CHECK_FALSE(workers.Add("eve", [&] { ++ran; }));
    CHECK(workers.Add("jo", [&] { ++ran; }));
  }
  CHECK(ran == 0);
}
