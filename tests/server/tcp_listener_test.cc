#include <chrono>
#include <latch>
#include <memory>
#include <mutex>
#include <vector>

#include <doctest/doctest.h>

#include "host/openssl/certificates.h"
#include "server/status.h"
#include "tests/server/raw_client.h"
#include "tests/server/tls_client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/served_box.h"

using namespace server;
using namespace tests;
using namespace std::chrono_literals;

namespace {

/// An authority and what it gives the server; made once, for that costs some milliseconds.
struct Certificates {
  Certificates() {
    const auto now = std::chrono::time_point_cast<api::Time::duration>(std::chrono::system_clock::now());
    const host::openssl::Validity validity{.from = now - 1h, .until = now + 24h};
    const auto made = host::openssl::MakeAuthority("a test", validity);
    authority = made->certificate;
    const auto own = host::openssl::MakeServerIdentity(*made, {"127.0.0.1"}, validity);
    identity = *TlsIdentity::Make(own->certificate, own->key);
  }

  std::string authority{};
  std::shared_ptr<const TlsIdentity> identity{};
};

const Certificates& Shared() {
  static const Certificates kCertificates;
  return kCertificates;
}

/// The token `tok-jo` is jo's.
api::Expected<Caller> Know(const Proof& proof) {
  if (!proof.authorization.starts_with("Bearer tok-"))
    return api::Error{api::Code::kForbidden, "Unauthorized", "Unauthorized"};
  return Caller{.name = std::string(proof.authorization.substr(11)), .address = std::string(proof.address)};
}

Response Echo(const Request& request) {
  std::string text = request.caller.name + "@" + request.caller.address;
  for (const std::string& segment : request.target.segments) text += "/" + segment;
  return TextResponse(200, text + " " + request.body + std::string(request.Find("authorization")) + ".");
}

Service EchoService() {
  return {.serve = Echo, .may_block = [](const Request& request) { return request.method != "GET"; }, .identify = Know};
}

ListenerOptions Tls(TcpOptions tcp = {}) {
  tcp.address = "127.0.0.1:0";
  tcp.identity = [] { return Shared().identity; };
  return {.tcp = std::move(tcp)};
}

std::string Get(const std::string& path, const std::string& token) {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") +
         "\r\n";
}

const std::string kOfJo = Get("/a", "tok-jo");

}  // namespace

TEST_CASE("[D-06][SEC-01] TLS: requests one after the other, each by whom its token names") {
  Served served(EchoService(), Tls());
  TlsClient client(served.tcp_port(), Shared().authority);
  REQUIRE(client.is_connected());
  CHECK(client.Spoken() == "TLSv1.3 http/1.1");
  REQUIRE(client.Send(kOfJo + Get("/b", "tok-sam")));
  REQUIRE(client.ReadUntil("jo@127.0.0.1/a ."));
  REQUIRE(client.ReadUntil("sam@127.0.0.1/b ."));  // Handlers do not see the token.
  REQUIRE(client.Send("POST /p HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer tok-jo\r\nContent-Length: 300000\r\n\r\n"));
  REQUIRE(client.Send(std::string(300'000, 'x')));
  REQUIRE(client.ReadUntil(std::string(300'000, 'x')));
}

TEST_CASE("[D-06] TLS: what is too old or speaks another protocol is refused in the handshake") {
  Served served(EchoService(), Tls());
  CHECK_FALSE(TlsClient(served.tcp_port(), Shared().authority, {.is_old = true}).is_connected());
  CHECK_FALSE(TlsClient(served.tcp_port(), Shared().authority, {.protocols = "h2"}).is_connected());
  TlsClient silent(served.tcp_port(), Shared().authority, {.protocols = ""});
  REQUIRE(silent.is_connected());
  REQUIRE(silent.Send(kOfJo));
  CHECK(silent.ReadUntil("jo@127.0.0.1/a"));
  RawClient plain(served.tcp_port());
  REQUIRE(plain.Send(kOfJo));
  CHECK(plain.ReadToEnd());
  CHECK(plain.seen.find("HTTP") == std::string::npos);
}

TEST_CASE("[D-06] TCP: without a token that counts nothing is served, and no body is waited for") {
  Served served(EchoService(), Tls());
  for (const std::string& bytes :
       {Get("/a", ""), Get("/a", "wrong"),
        std::string("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n"),
        std::string(
            "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer tok-jo\r\nAuthorization: Bearer tok-sam\r\n\r\n"),
        std::string("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")}) {
    CAPTURE(bytes);
    TlsClient client(served.tcp_port(), Shared().authority);
    REQUIRE(client.Send(bytes));
    CHECK(client.ReadToEnd());
    CHECK(client.seen.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    CHECK(client.seen.find("\"reason\":\"Unauthorized\"") != std::string::npos);
    CHECK(client.seen.find("100 Continue") == std::string::npos);
  }
}

TEST_CASE("[SEC-01] a token on the control socket says nothing") {
  Served served(EchoService(), Tls());
  RawClient client(served.path());
  REQUIRE(client.Send(Get("/a", "tok-eve")));
  REQUIRE(client.ReadUntil("/a ."));
  CHECK(client.seen.find("eve") == std::string::npos);
}

TEST_CASE("[D-06] TCP: plain text is for loopback alone") {
  TempDir dir;
  const auto open = [&](const std::string& address, bool has_tls) {
    ListenerOptions options = has_tls ? Tls() : ListenerOptions{};
    options.socket_path = dir / "hero.sock";
    options.tcp.address = address;
    auto opened = Listener::Open(std::move(options), EchoService());
    return opened ? "" : opened.error().reason;
  };
  CHECK(open("127.0.0.1:0", false) == "");
  CHECK(open("[::1]:0", false) == "");
  for (const char* const address : {"0.0.0.0:0", "[::]:0", "[::ffff:127.0.0.1]:0"}) {
    CAPTURE(address);
    CHECK(open(address, false) == "PlainText");
  }
  CHECK(open("0.0.0.0:0", true) == "");
  for (const char* const address : {"127.0.0.1", "localhost:1", ":1", "127.0.0.1:65536", "127.0.0.1:", "::1:5", "[::1]",
                                    "127.0.0.1:1x", "1.2.3:4"}) {
    CAPTURE(address);
    CHECK(open(address, true) == "InvalidAddress");
  }
  Served served(EchoService(), {.tcp = {.address = "127.0.0.1:0"}});
  CHECK(open("127.0.0.1:" + std::to_string(served.tcp_port()), true) == "AddressTaken");
  RawClient client(served.tcp_port());
  REQUIRE(client.Send(Get("/a", "")));
  CHECK(client.ReadToEnd());
  CHECK(client.Statuses() == "401");
  RawClient other(served.tcp_port());
  REQUIRE(other.Send(kOfJo));
  CHECK(other.ReadUntil("jo@127.0.0.1/a"));
}

TEST_CASE("[D-06] TCP: who does not come to the point is let go") {
  Served served(EchoService(), Tls({.handshake_max = 100ms}));
  RawClient silent(served.tcp_port());  // No handshake.
  CHECK(silent.ReadToEnd());
  TlsClient mute(served.tcp_port(), Shared().authority);  // No request.
  REQUIRE(mute.is_connected());
  CHECK_FALSE(mute.ReadUntil("HTTP"));
  TlsClient slow(served.tcp_port(), Shared().authority);  // Half a head.
  REQUIRE(slow.Send("GET /a HTTP/1.1\r\nAuthor"));
  CHECK(slow.ReadToEnd());
  CHECK(slow.seen.starts_with("HTTP/1.1 408"));
}

TEST_CASE("[D-06] TCP: a thousand half-open connections keep nobody out") {
  Served served(EchoService(), Tls({.unknown_max = 40, .unknown_per_address_max = 20}));
  TlsClient known(served.tcp_port(), Shared().authority);
  REQUIRE(known.Send(kOfJo));
  REQUIRE(known.ReadUntil("jo@127.0.0.1/a"));
  std::vector<std::unique_ptr<RawClient>> crowd;
  crowd.reserve(200);
  for (int i = 0; i < 200; ++i) crowd.push_back(std::make_unique<RawClient>(served.tcp_port()));
  TlsClient late(served.tcp_port(), Shared().authority);
  REQUIRE(late.Send(kOfJo));
  CHECK(late.ReadUntil("jo@127.0.0.1/a"));
  REQUIRE(known.Send(kOfJo));  // Who has shown a token stays.
  CHECK(known.ReadUntil("jo@127.0.0.1/a", known.seen.size()));
  RawClient local(served.path());
  REQUIRE(local.Send(Get("/a", "")));
  CHECK(local.ReadUntil("/a ."));
  CHECK(crowd.front()->ReadToEnd());  // The first to come went first.
}

TEST_CASE("[D-06] TCP: a member has so many connections and no more, wherever they come from") {
  ListenerOptions options = Tls();
  options.connections_per_user_max = 2;
  Served served(EchoService(), options);
  TlsClient first(served.tcp_port(), Shared().authority);
  TlsClient second(served.tcp_port(), Shared().authority);
  for (TlsClient* client : {&first, &second}) {
    REQUIRE(client->Send(kOfJo));
    REQUIRE(client->ReadUntil("jo@127.0.0.1/a"));
  }
  TlsClient third(served.tcp_port(), Shared().authority);
  REQUIRE(third.Send(kOfJo));
  CHECK(third.ReadToEnd());
  CHECK(third.seen.starts_with("HTTP/1.1 429"));
  TlsClient of_sam(served.tcp_port(), Shared().authority);
  REQUIRE(of_sam.Send(Get("/a", "tok-sam")));
  CHECK(of_sam.ReadUntil("sam@127.0.0.1/a"));
}

namespace {

/// Says what it is told to, then nothing.
class Talk final : public ChunkSource {
 public:
  explicit Talk(std::string bytes) : bytes_(std::move(bytes)) {}

  Chunk Pull() override { return {.bytes = std::exchange(bytes_, {})}; }
  void SetNotify(std::function<void()>) override {}

 private:
  std::string bytes_;
};

Service TalkService(std::size_t size) {
  return {.serve =
              [size](const Request&) {
                Response response = TextResponse(200, "");
                response.stream = std::make_unique<Talk>(std::string(size, 'x') + "\n");
                return response;
              },
          .may_block = [](const Request&) { return false; },
          .identify = Know};
}

}  // namespace

TEST_CASE("[D-06] TLS: a stream gets its last chunk when the server stops") {
  Served served(TalkService(1), Tls());
  TlsClient client(served.tcp_port(), Shared().authority);
  REQUIRE(client.Send(kOfJo));
  REQUIRE(client.ReadUntil("2\r\nx\n\r\n"));
  served.RequestStop();
  CHECK(client.ReadToEnd());
  CHECK(client.seen.ends_with("\r\n0\r\n\r\n"));
  served.Wait();
}

TEST_CASE("[D-06] TLS: a stream's reader that stands still is let go") {
  ListenerOptions options = Tls();
  options.write_max = 100ms;
  Served served(TalkService(32u << 20), std::move(options));
  TlsClient client(served.tcp_port(), Shared().authority, {.is_slow = true});
  REQUIRE(client.Send(kOfJo));
  served.RequestStop();
  served.Wait();  // Ends long before `drain_max`, for the reader was dropped.
  CHECK_FALSE(client.ReadToEnd());
}
