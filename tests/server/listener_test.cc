#include "server/listener.h"

#include <algorithm>
#include <array>
#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <sys/stat.h>
#include <vector>

#include <doctest/doctest.h>

#include "server/status.h"
#include "server/unix_socket.h"
#include "tests/server/raw_client.h"
#include "tests/support/served_box.h"

using namespace server;
using namespace tests;
using namespace std::chrono_literals;

namespace {

/// Answers with the method, the path and the body.
Response Echo(const Request& request) {
  std::string text = request.method;
  for (const std::string& segment : request.target.segments) text += "/" + segment;
  return TextResponse(200, text + " " + request.body);
}

Service EchoService() {
  return {.serve = Echo, .may_block = [](const Request& request) { return request.method != "GET"; }};
}

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

std::string Post(const std::string& headers, const std::string& body) {
  return "POST /p HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body;
}

}  // namespace

TEST_CASE("[WIRE] a connection serves one request after the other, pipelined ones too") {
  Served served(EchoService());
  RawClient client(served.path());
  REQUIRE(client.Send(kGet + Post("Content-Length: 4\r\n", "body") + kGet));
  REQUIRE(client.ReadUntil("POST/p body"));
  REQUIRE(client.ReadUntil("GET/a ", client.seen.find("POST/p body")));
  CHECK(client.Statuses() == "200 200 200");
  const std::size_t before = client.seen.size();
  REQUIRE(client.Send("HEAD /h HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  CHECK(client.ReadToEnd());
  const std::string head = client.seen.substr(before);
  CHECK(head.find("Content-Length: 7\r\n") != std::string::npos);  // `HEAD/h `, which is not sent.
  CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("[WIRE] chunked bodies, HTTP/1.0 and Expect are understood") {
  Served served(EchoService());
  RawClient chunked(served.path());
  REQUIRE(chunked.Send(Post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")));
  CHECK(chunked.ReadUntil("POST/p abcde"));
  RawClient old(served.path());
  REQUIRE(old.Send("GET /a HTTP/1.0\r\n\r\n"));
  CHECK(old.ReadToEnd());
  CHECK(old.Statuses() == "200");
  RawClient careful(served.path());
  REQUIRE(careful.Send(Post("Content-Length: 4\r\nExpect: 100-continue\r\n", "")));
  REQUIRE(careful.ReadUntil("100 Continue\r\n\r\n"));
  REQUIRE(careful.Send("body"));
  CHECK(careful.ReadUntil("POST/p body"));
}

TEST_CASE("[SEC-01] the caller is who the kernel says") {
  std::promise<Caller> asked;
  Served served({.serve =
                     [&](const Request& request) {
                       asked.set_value(request.caller);
                       return TextResponse(200, "");
                     },
                 .may_block = [](const Request&) { return false; }});
  RawClient client(served.path());
  REQUIRE(client.Send("GET /a?user=eve HTTP/1.1\r\nHost: h\r\nX-Hero-User: eve\r\n\r\n"));
  auto future = asked.get_future();
  REQUIRE(future.wait_for(20s) == std::future_status::ready);
  const Caller caller = future.get();
  CHECK(caller.uid == ::getuid());
  CHECK(caller.pid == ::getpid());
  CHECK(caller.is_operator);
}

TEST_CASE("[WIRE] what is too large or malformed is answered before the connection ends") {
  Served served(EchoService());
  const std::string four_mib(4u << 20, 'x');
  struct Row {
    const char* what;
    std::string bytes;
    const char* status;
  };
  const Row rows[] = {
      {"4 MiB", Post("Content-Length: 4194304\r\n", four_mib), "413"},
      {"4 MiB in chunks", Post("Transfer-Encoding: chunked\r\n", "400000\r\n" + four_mib + "\r\n0\r\n\r\n"), "413"},
      {"40 KiB of headers", Post("X-Long: " + std::string(40'000, 'x') + "\r\n", ""), "431"},
      {"40 KiB of path", "GET /" + std::string(40'000, 'x') + " HTTP/1.1\r\n\r\n", "431"},
      {"length and chunks", Post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
      {"two lengths", Post("Content-Length: 4\r\nContent-Length: 5\r\n", "abcde"), "400"},
      {"a length that is no number", Post("Content-Length: four\r\n", "four"), "400"},
      {"no HTTP", "hello herod, are you there?\r\n\r\n", "400"},
      {"a bad header", "GET /a HTTP/1.1\r\nno colon\r\n\r\n", "400"},
      {"a bad chunk", Post("Transfer-Encoding: chunked\r\n", "zz\r\n"), "400"},
      {"an endless chunk extension", Post("Transfer-Encoding: chunked\r\n", "1;" + four_mib), "400"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    RawClient client(served.path());
    client.Send(row.bytes);
    CHECK(client.ReadToEnd());
    CHECK(client.Statuses() == row.status);
    CHECK(client.seen.find("\"kind\":\"Status\"") != std::string::npos);
    CHECK(client.seen.find("Connection: close") != std::string::npos);
  }
  RawClient after(served.path());
  REQUIRE(after.Send(kGet));
  CHECK(after.ReadUntil("GET/a"));
}

TEST_CASE("[WIRE] a body that is cut off is answered") {
  Served served(EchoService());
  RawClient client(served.path());
  REQUIRE(client.Send(Post("Content-Length: 100\r\n", "half")));
  client.HalfClose();
  CHECK(client.ReadToEnd());
  CHECK(client.Statuses() == "400");
}

TEST_CASE("[WIRE] a slow sender gets a 408, whatever part is slow") {
  Served served(EchoService(), {.request_max = 100ms, .linger_max = 100ms});
  for (const std::string& begun : {std::string("GET /a HT"), Post("Content-Length: 100\r\n", "half"),
                                   Post("Transfer-Encoding: chunked\r\n", "5\r\nab")}) {
    CAPTURE(begun);
    RawClient client(served.path());
    REQUIRE(client.Send(begun));
    CHECK(client.ReadToEnd());
    CHECK(client.Statuses() == "408");
  }
}

TEST_CASE("[WIRE] who connects and says nothing is let go without a word") {
  Served served(EchoService(), {.idle_max = 100ms});
  RawClient silent(served.path());
  CHECK(silent.ReadToEnd());
  CHECK(silent.seen == "");
  RawClient kept(served.path());
  REQUIRE(kept.Send(kGet));
  CHECK(kept.ReadToEnd());
  CHECK(kept.Statuses() == "200");
}

TEST_CASE("[WIRE] a reader that does not take its answer is let go") {
  Served served({.serve = [](const Request&) { return TextResponse(200, std::string(8u << 20, 'x')); },
                 .may_block = [](const Request&) { return false; }},
                {.write_max = 100ms});
  RawClient stalled(served.path());
  REQUIRE(stalled.Send(kGet));
  RawClient other(served.path());
  REQUIRE(other.Send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  CHECK(other.ReadToEnd());
  CHECK(other.seen.size() > (8u << 20));
  CHECK(stalled.WaitForHangUp());
  CHECK(stalled.ReadToEnd());
  CHECK(stalled.seen.size() < (8u << 20));
}

TEST_CASE("[SEC-30] path tricks are refused at the socket") {
  Served served(EchoService());
  for (const char* const path : {"/a/../b", "/a%2fb", "//a", "/%2e%2e", "/a%00b", "*", "http://h/a"}) {
    CAPTURE(path);
    RawClient client(served.path());
    REQUIRE(client.Send("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    CHECK(client.ReadToEnd());
    CHECK(client.Statuses() == "400");
    CHECK(client.seen.find("malformed request target") != std::string::npos);
  }
}

TEST_CASE("[WIRE] one connection too many is told to come again") {
  Served served(EchoService(), {.connections_max = 2});
  RawClient first(served.path());
  RawClient second(served.path());
  for (RawClient* client : {&first, &second}) {
    REQUIRE(client->Send(kGet));
    REQUIRE(client->ReadUntil("GET/a"));
  }
  RawClient third(served.path());
  REQUIRE(third.Send(kGet));
  CHECK(third.ReadToEnd());
  CHECK(third.Statuses() == "429");
  CHECK(third.seen.find("Retry-After: 1\r\n") != std::string::npos);
  REQUIRE(first.Send(kGet));  // Who is in stays in.
  CHECK(first.ReadUntil("GET/a", first.seen.size()));
}

TEST_CASE("[WIRE] a handler that throws costs its request, nothing else") {
  Served served({.serve = [](const Request& request) -> Response {
                   if (request.target.segments[0] == "bad") throw std::runtime_error("a bug");
                   return Echo(request);
                 },
                 .may_block = [](const Request& request) { return request.method != "GET"; }});
  RawClient client(served.path());
  REQUIRE(client.Send("GET /bad HTTP/1.1\r\nHost: h\r\n\r\n"));
  REQUIRE(client.ReadUntil("the handler failed"));
  REQUIRE(client.Send("POST /bad HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
  REQUIRE(client.ReadUntil("the handler failed", client.seen.size()));
  REQUIRE(client.Send(kGet));
  CHECK(client.ReadUntil("GET/a"));
  CHECK(client.Statuses() == "500 500 200");
  CHECK(client.seen.find("a bug") == std::string::npos);
}

TEST_CASE("[WIRE] a write that waits holds up no read") {
  std::latch released(1);
  std::latch waiting(1);
  Served served({.serve =
                     [&](const Request& request) {
                       if (request.method != "GET") {
                         waiting.count_down();
                         released.wait();
                       }
                       return Echo(request);
                     },
                 .may_block = [](const Request& request) { return request.method != "GET"; }});
  RawClient writer(served.path());
  REQUIRE(writer.Send(Post("Content-Length: 0\r\n", "")));
  waiting.wait();
  RawClient reader(served.path());
  REQUIRE(reader.Send(kGet));
  CHECK(reader.ReadUntil("GET/a"));
  released.count_down();
  CHECK(writer.ReadUntil("POST/p"));
}

TEST_CASE("[WIRE][SEC-54] one user's requests that wait are bounded, and what is too much is told to come again") {
  std::latch released(1);
  std::latch waiting(1);
  Served served({.serve =
                     [&](const Request& request) {
                       if (request.target.segments[0] == "first") {
                         waiting.count_down();
                         released.wait();
                       }
                       return Echo(request);
                     },
                 .may_block = [](const Request& request) { return request.method != "GET"; }},
                {.workers = 1, .waiting_per_user_max = 1});
  RawClient first(served.path());
  REQUIRE(first.Send("POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  waiting.wait();
  std::array<RawClient, 4> others{RawClient(served.path()), RawClient(served.path()), RawClient(served.path()),
                                  RawClient(served.path())};
  for (RawClient& other : others) REQUIRE(other.Send(Post("Content-Length: 0\r\nConnection: close\r\n", "")));
  RawClient reader(served.path());  // Once this is answered the others are known.
  REQUIRE(reader.Send(kGet));
  REQUIRE(reader.ReadUntil("GET/a"));
  released.count_down();
  std::string statuses;
  for (RawClient& other : others) {
    CHECK(other.ReadToEnd());
    statuses += other.Statuses() + " ";
    CHECK((other.Statuses() == "200" || other.seen.find("Retry-After: 1\r\n") != std::string::npos));
  }
  CHECK(first.ReadToEnd());
  CHECK(first.Statuses() == "200");
  CHECK(std::count(statuses.begin(), statuses.end(), '4') == 3);  // Of three times 429.
  CHECK(statuses.find("200") != std::string::npos);
}

TEST_CASE("[WIRE] stopping ends idle connections and lets requests end") {
  std::latch released(1);
  std::latch waiting(1);
  Served served({.serve =
                     [&](const Request& request) {
                       if (request.method != "GET") {
                         waiting.count_down();
                         released.wait();
                       }
                       return Echo(request);
                     },
                 .may_block = [](const Request& request) { return request.method != "GET"; }},
                {.linger_max = 100ms});
  RawClient idle(served.path());
  REQUIRE(idle.Send(kGet));
  REQUIRE(idle.ReadUntil("GET/a"));
  RawClient busy(served.path());
  REQUIRE(busy.Send(Post("Content-Length: 0\r\n", "")));
  waiting.wait();
  served.RequestStop();
  CHECK(idle.ReadToEnd());
  released.count_down();
  CHECK(busy.ReadToEnd());
  CHECK(busy.Statuses() == "200");
  served.Wait();
  CHECK_THROWS(RawClient(served.path()));
}

TEST_CASE("[WIRE] stopping does not wait for a sender that never finishes") {
  Served served(EchoService(), {.drain_max = 100ms});
  RawClient slow(served.path());
  REQUIRE(slow.Send(Post("Content-Length: 100\r\n", "half")));
  RawClient other(served.path());  // Once this is answered the slow one is known.
  REQUIRE(other.Send(kGet));
  REQUIRE(other.ReadUntil("GET/a"));
  served.RequestStop();
  CHECK(slow.ReadToEnd());
  served.Wait();
}

TEST_CASE("[SEC-61] the socket: its mode, a stale one, a live one, no socket") {
  TempDir dir;
  const std::string path = dir / "hero.sock";
  {
    const auto first = UnixSocket::Listen(path);
    REQUIRE(first);
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0660);
    const auto second = UnixSocket::Listen(path);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == api::Code::kAlreadyExists);
    CHECK(second.error().message == "another daemon listens at " + path);
    CHECK(stat(path.c_str(), &status) == 0);  // The live one is still there.
  }
  struct stat status {};
  CHECK(stat(path.c_str(), &status) != 0);  // Gone with its owner.

  {  // What a daemon leaves that was killed: the path, with nobody behind it.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    const int killed = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(killed, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    close(killed);
  }
  CHECK(UnixSocket::Listen(path));

  dir.Write("file", "precious");
  const auto file = UnixSocket::Listen(dir / "file");
  REQUIRE_FALSE(file);
  CHECK(dir.Read("file") == "precious");
  CHECK(UnixSocket::Listen(dir / std::string(200, 'x')).error().code == api::Code::kInvalid);
  CHECK(UnixSocket::Listen(dir / "missing/hero.sock").error().code == api::Code::kUnavailable);
}

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/default/slots";

std::string ListOf(int version) {
  return "GET " + std::string(kSlots) + "?resourceVersion=" + std::to_string(version) +
         " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
}

constexpr const char* kSlot = R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"a"}})";

}  // namespace

TEST_CASE("[WIRE] a list of a version that is still to come waits for it, without holding a worker") {
  ServedBox box({.workers = 1, .early_max = 20s});
  std::vector<std::unique_ptr<RawClient>> early;
  for (int i = 0; i < 5; ++i) {
    early.push_back(std::make_unique<RawClient>(box.served.path()));
    REQUIRE(early.back()->Send(ListOf(1)));
  }
  RawClient other(box.served.path());  // The one worker is free for it.
  REQUIRE(other.Send(ListOf(0)));
  CHECK(other.ReadToEnd());
  CHECK(other.Statuses() == "200");
  REQUIRE(box.api.Ask("POST", kSlots, kSlot).status == 201);
  for (const auto& client : early) {
    CHECK(client->ReadToEnd());
    CHECK(client->Statuses() == "200");
    CHECK(client->seen.find(R"("resourceVersion":"1")") != std::string::npos);
  }
}

TEST_CASE("[WIRE] a list of a version that does not come is refused in the end, at once when the server stops") {
  ServedBox box({.early_max = 100ms});
  RawClient early(box.served.path());
  REQUIRE(early.Send(ListOf(9)));
  CHECK(early.ReadToEnd());
  CHECK(early.Statuses() == "504");
  CHECK(early.seen.find("\r\nRetry-After: 1\r\n") != std::string::npos);
  CHECK(early.seen.find(R"({"causes":[{"message":"Too large resource version","reason":"ResourceVersionTooLarge"}],)"
                        R"("retryAfterSeconds":1})") != std::string::npos);
  CHECK(early.seen.find("Timeout: Too large resource version: 9, current: 0") != std::string::npos);

  ApiBox api;
  std::latch asked(1);
  Served ending({.serve =
                     [&](const Request& request) {
                       Response response = api.surface.Serve(request);
                       asked.count_down();
                       return response;
                     },
                 .may_block = [](const Request&) { return true; }},
                {.early_max = 1h});
  RawClient waiting(ending.path());
  REQUIRE(waiting.Send(ListOf(9)));
  asked.wait();
  ending.RequestStop();
  ending.Wait();
  CHECK(waiting.ReadToEnd());
  CHECK(waiting.Statuses() == "504");
}
