// Thousands who connect and do not come to the point.
#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/openssl/certificates.h"
#include "server/status.h"
#include "tests/server/raw_client.h"
#include "tests/server/tls_client.h"
#include "tests/support/served_box.h"

using namespace server;
using namespace tests;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kCrowdMax = 5000;
constexpr int kAddresses = 50;  // From which they come: each has a bound of its own.

/// Raises the limit of descriptors for a while. Both ends of each connection are in this process.
class MoreDescriptors {
 public:
  MoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &saved_);
    const rlimit raised{saved_.rlim_max, saved_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &raised);
  }
  MoreDescriptors(const MoreDescriptors&) = delete;
  MoreDescriptors& operator=(const MoreDescriptors&) = delete;
  ~MoreDescriptors() { setrlimit(RLIMIT_NOFILE, &saved_); }

  /// How many clients there can be beside what else is open.
  std::size_t clients() const {
    return std::min<std::size_t>(kCrowdMax, std::max<rlim_t>(saved_.rlim_max, 1000) / 2 - 400);
  }

 private:
  rlimit saved_{};
};

/// Connections that say nothing, or a byte.
class Crowd {
 public:
  Crowd() = default;
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (const int one : sockets_) close(one);
  }

  void Grow(std::uint16_t port, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      REQUIRE(one >= 0);
      sockets_.push_back(one);
      sockaddr_in from{};
      from.sin_family = AF_INET;
      from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + static_cast<std::uint32_t>(sockets_.size() % kAddresses));
      REQUIRE(bind(one, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0);
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(port);
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      REQUIRE(connect(one, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
      if (i % 2 == 1) (void)send(one, "\x16", 1, MSG_NOSIGNAL);  // Of a TLS record.
    }
  }

  /// Whether the server lets go of all but `left`, within 20 s.
  bool ShrinksTo(std::size_t left) const {
    const auto until = std::chrono::steady_clock::now() + 20s;
    std::size_t alive = 0;
    for (const int one : sockets_) {
      pollfd polled{one, POLLRDHUP, 0};
      const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      // Only who is one too many is waited for.
      if (poll(&polled, 1, alive < left ? 0 : std::max(0, static_cast<int>(wait.count()))) != 1) ++alive;
      if (alive > left) return false;
    }
    return true;
  }

 private:
  std::vector<int> sockets_;
};

const std::string kOfJo = "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer tok-jo\r\n\r\n";

Service NameService() {
  return {.serve = [](const Request& request) { return TextResponse(200, "you are " + request.caller.name + "."); },
          .may_block = [](const Request&) { return false; },
          .identify = [](const Proof& proof) -> api::Expected<Caller> {
            if (proof.authorization != "Bearer tok-jo")
              return api::Error{api::Code::kForbidden, "Unauthorized", "Unauthorized"};
            return Caller{.name = "jo", .address = std::string(proof.address)};
          }};
}

}  // namespace

TEST_CASE("[D-06][SEC-46] TLS: five thousand half-open connections keep nobody out, and are let go") {
  const MoreDescriptors descriptors;
  const auto now = std::chrono::time_point_cast<api::Time::duration>(std::chrono::system_clock::now());
  const host::openssl::Validity validity{.from = now - 1h, .until = now + 24h};
  const auto authority = host::openssl::MakeAuthority("a test", validity);
  const auto own = host::openssl::MakeServerIdentity(*authority, {"127.0.0.1"}, validity);
  auto identity = *TlsIdentity::Make(own->certificate, own->key);
  ListenerOptions options;
  options.tcp = {.address = "127.0.0.1:0", .identity = [identity] { return identity; }, .handshake_max = 5s};
  const std::size_t unknown_max = options.tcp.unknown_max;
  Served served(NameService(), std::move(options));
  TlsClient known(served.tcp_port(), authority->certificate);
  REQUIRE(known.Send(kOfJo));
  REQUIRE(known.ReadUntil("you are jo."));
  Crowd crowd;
  for (int part = 0; part < 5; ++part) {
    CAPTURE(part);
    crowd.Grow(served.tcp_port(), descriptors.clients() / 5);
    TlsClient late(served.tcp_port(), authority->certificate);
    REQUIRE(late.Send(kOfJo));
    CHECK(late.ReadUntil("you are jo."));
    RawClient local(served.path());
    REQUIRE(local.Send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    CHECK(local.ReadToEnd());
    CHECK(local.Statuses() == "200");
    REQUIRE(known.Send(kOfJo));  // Who has shown a token stays.
    CHECK(known.ReadUntil("you are jo.", known.seen.size()));
  }
  CHECK(crowd.ShrinksTo(unknown_max));  // At once: what is held of them is bounded.
  CHECK(crowd.ShrinksTo(0));            // And the deadline ends the rest.
}
