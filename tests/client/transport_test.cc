#include "client/transport.h"

#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "client/wire_client.h"
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

/// A peer that speaks no HTTP by itself: it takes connections, or does not, and says what a test tells it to.
class RawPeer {
 public:
  /// `say` is called with each connection, in a thread; it ends when the stop is asked for or the other side has gone.
  explicit RawPeer(std::function<void(int connection, const std::stop_token&)> say)
      : listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = this->path();
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 0) == 0);
    if (!say) return;  // Nobody takes connections: the backlog of one is soon full.
    thread_ = std::jthread([this, say = std::move(say)](const std::stop_token& stop) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      say(connection, stop);
      close(connection);
    });
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  ~RawPeer() {
    shutdown(listener_, SHUT_RDWR);  // Ends an accept that waits.
    thread_ = {};
    close(listener_);
  }

  std::string path() const { return dir_ / "peer.sock"; }

 private:
  const TempDir dir_;
  const int listener_;
  std::jthread thread_;
};

/// Waits so long, or until the other side hangs up or the stop is asked for. True: it is still there.
bool Linger(int connection, const std::stop_token& stop, std::chrono::milliseconds wait) {
  pollfd polled{connection, POLLRDHUP, 0};
  return poll(&polled, 1, static_cast<int>(wait.count())) == 0 && !stop.stop_requested();
}

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

TEST_CASE("[WIRE] a peer that drips its answer byte by byte is a timeout: the deadline is of the whole exchange") {
  RawPeer peer([](int connection, const std::stop_token& stop) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    send(connection, head.data(), head.size(), MSG_NOSIGNAL);
    while (Linger(connection, stop, 5ms)) send(connection, "x", 1, MSG_NOSIGNAL);
  });
  const host::linux::SystemClock clock;
  const client::Transport transport({.socket_path = peer.path(), .exchange_max = 150ms}, clock);
  const auto dripped = transport.Exchange({.target = "/a"});
  REQUIRE_FALSE(dripped);
  CHECK(dripped.error().code == Code::kTimeout);
  CHECK(dripped.error().message == "herod at " + peer.path() + " did not answer in time");
}

TEST_CASE("[WIRE] a peer that never reads what we send is a timeout") {
  RawPeer peer([](int connection, const std::stop_token& stop) {
    while (Linger(connection, stop, 20ms)) {
    }
  });
  const host::linux::SystemClock clock;
  const client::Transport transport({.socket_path = peer.path(), .exchange_max = 100ms}, clock);
  const auto sent = transport.Exchange({.method = "POST", .target = "/a", .body = std::string(8u << 20, 'x')});
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == Code::kTimeout);
}

TEST_CASE("[WIRE] a peer whose backlog is full keeps nobody longer than a connection may take") {
  RawPeer peer({});
  const host::linux::SystemClock clock;
  const client::Transport transport({.socket_path = peer.path(), .connect_max = 50ms, .exchange_max = 50ms}, clock);
  // Two fill the queue of a backlog of 0, and get no answer; the next is not let in.
  std::vector<std::future<api::Expected<client::HttpResponse>>> waiting;
  waiting.reserve(4);
  for (int i = 0; i < 4; ++i)
    waiting.push_back(std::async(std::launch::async, [&] { return transport.Exchange({.target = "/a"}); }));
  for (auto& one : waiting) {
    const auto answer = one.get();
    REQUIRE_FALSE(answer);
    CHECK((answer.error().code == Code::kTimeout || answer.error().code == Code::kUnavailable));
  }
}

TEST_CASE(
    "[WIRE] a stream that stalls in the middle of a line keeps its reader as long as it is told, and says no half") {
  RawPeer peer([](int connection, const std::stop_token& stop) {
    const std::string begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\none\nhalf \r\n";
    send(connection, begun.data(), begun.size(), MSG_NOSIGNAL);
    char go_on = 0;
    if (recv(connection, &go_on, 1, 0) < 0) return;  // The request's first byte.
    while (Linger(connection, stop, 20ms)) {
    }
  });
  const host::linux::SystemClock clock;
  const client::Transport transport({.socket_path = peer.path()}, clock);
  auto opened = transport.Open({.target = "/a"});
  REQUIRE(opened);
  REQUIRE(opened->lines);
  CHECK(**opened->lines->Next(20s, {}) == "one");
  for (int i = 0; i < 2; ++i) {
    const auto nothing = opened->lines->Next(10ms, {});
    REQUIRE(nothing);
    CHECK_FALSE(*nothing);
  }
}

TEST_CASE("[WIRE] through the client of the API a silent peer is a timeout of each call, and stops nobody for good") {
  RawPeer peer([](int connection, const std::stop_token& stop) {
    while (Linger(connection, stop, 20ms)) {
    }
  });
  const host::linux::SystemClock clock;
  const client::Transport transport({.socket_path = peer.path(), .connect_max = 100ms, .exchange_max = 50ms}, clock);
  client::WireClient wire(transport);
  const auto list = wire.List("users.hero.dev");
  REQUIRE_FALSE(list);
  CHECK(list.error().code == Code::kTimeout);
}
