#include "client/transport.h"

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "server/status.h"
#include "tests/client/wire_box.h"

using namespace tests;
using namespace std::chrono_literals;
using api::Code;

namespace {

/// A server whose answers a test chooses.
struct Answering {
  explicit Answering(std::function<server::Response(const server::Request&)> serve)
      : served({.serve = std::move(serve), .may_block = [](const server::Request&) { return true; }},
               {.linger_max = 100ms, .drain_max = 100ms}) {}

  Served served;
  host::linux::SystemClock clock{};
};

/// A stream that never says anything.
class SilentStream final : public server::ChunkSource {
 public:
  server::Chunk Pull() override { return {}; }
  void SetNotify(std::function<void()>) override {}
};

/// Says everything at once.
class SaidStream final : public server::ChunkSource {
 public:
  explicit SaidStream(std::string bytes) : bytes_(std::move(bytes)) {}
  server::Chunk Pull() override { return {.bytes = std::move(bytes_), .is_last = true}; }
  void SetNotify(std::function<void()>) override {}

 private:
  std::string bytes_;
};

}  // namespace

TEST_CASE("[CTL] no daemon: the path, why, and what to do") {
  TempDir dir;
  const host::linux::SystemClock clock;
  const client::Transport missing({.socket_path = dir / "none.sock"}, clock);
  const auto nobody = missing.Exchange({.target = "/version"});
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().code == Code::kUnavailable);
  CHECK(nobody.error().message ==
        "cannot reach herod at " + (dir / "none.sock") + ": No such file or directory; is it running? (see --socket)");
  const client::Transport too_long({.socket_path = std::string(200, 'x')}, clock);
  CHECK(too_long.Exchange({.target = "/version"}).error().code == Code::kUnavailable);
}

TEST_CASE("[WIRE] an answer that does not come in time is a timeout") {
  std::promise<void> release;
  auto released = release.get_future().share();
  Answering server([released](const server::Request&) {
    released.wait();
    return server::TextResponse(200, "late");
  });
  const client::Transport transport({.socket_path = server.served.path(), .exchange_max = 50ms}, server.clock);
  const auto late = transport.Exchange({.target = "/a"});
  release.set_value();
  REQUIRE_FALSE(late);
  CHECK(late.error().code == Code::kTimeout);
}

TEST_CASE("[WIRE] bodies of any size go both ways") {
  Answering server(
      [](const server::Request& request) { return server::TextResponse(200, request.body + request.body); });
  const client::Transport transport({.socket_path = server.served.path()}, server.clock);
  const std::string body(2'000'000, 'x');
  const auto answer = transport.Exchange({.method = "POST", .target = "/a", .body = body});
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body.size() == 4'000'000);
}

TEST_CASE("[WIRE] a refusal in the middle of our body is read") {
  Answering server([](const server::Request&) { return server::TextResponse(200, ""); });
  const client::Transport transport({.socket_path = server.served.path()}, server.clock);
  const auto answer = transport.Exchange({.method = "POST", .target = "/a", .body = std::string(8u << 20, 'x')});
  REQUIRE(answer);
  CHECK(answer->status == 413);
}

TEST_CASE("[WIRE] a stream is read line by line, however it was cut, and ends with an error") {
  Answering server([](const server::Request&) {
    server::Response response{.status = 200};
    response.stream =
        std::make_unique<SaidStream>("one\n\ntwo " + std::string(100'000, 'x') + "\nrest without a newline");
    return response;
  });
  const client::Transport transport({.socket_path = server.served.path()}, server.clock);
  auto opened = transport.Open({.target = "/a"});
  REQUIRE(opened);
  REQUIRE(opened->lines);
  const auto next = [&] { return opened->lines->Next(20s, {}); };
  CHECK(**next() == "one");
  CHECK(**next() == "");
  CHECK((**next()).size() == 100'004);
  const auto end = next();
  REQUIRE_FALSE(end);
  CHECK(end.error().code == Code::kUnavailable);
  CHECK(end.error().reason == "StreamEnded");
}

TEST_CASE("[WIRE] a silent stream waits as long as it is told, and no longer than stop allows") {
  Answering server([](const server::Request&) {
    server::Response response{.status = 200};
    response.stream = std::make_unique<SilentStream>();
    return response;
  });
  const client::Transport transport({.socket_path = server.served.path()}, server.clock);
  auto opened = transport.Open({.target = "/a"});
  REQUIRE(opened);
  REQUIRE(opened->lines);
  for (const auto wait : {0ms, 10ms}) {
    const auto nothing = opened->lines->Next(wait, {});
    REQUIRE(nothing);
    CHECK_FALSE(*nothing);
  }
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = opened->lines->Next(60s, stop.get_token());
  REQUIRE(stopped);
  CHECK_FALSE(*stopped);
  CHECK_FALSE(opened->lines->WaitReadable(stop.get_token()));
}

TEST_CASE("[WIRE] a daemon that goes away ends the stream") {
  auto server = std::make_unique<Answering>([](const server::Request&) {
    server::Response response{.status = 200};
    response.stream = std::make_unique<SilentStream>();
    return response;
  });
  const host::linux::SystemClock clock;
  const client::Transport transport({.socket_path = server->served.path()}, clock);
  auto opened = transport.Open({.target = "/a"});
  REQUIRE(opened);
  server.reset();
  CHECK(opened->lines->Next(20s, {}).error().code == Code::kUnavailable);
  CHECK(transport.Exchange({.target = "/a"}).error().code == Code::kUnavailable);
}
