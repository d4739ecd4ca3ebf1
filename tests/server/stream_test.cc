#include <future>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "server/listener.h"
#include "server/status.h"
#include "tests/server/raw_client.h"
#include "tests/support/served_box.h"

using namespace server;
using namespace tests;
using namespace std::chrono_literals;

namespace {

/// A stream that a test feeds, and that tells when it was let go.
class FedStream {
 public:
  /// The end that the server pulls.
  std::unique_ptr<ChunkSource> Source() { return std::make_unique<End>(*this); }

  void Feed(Chunk chunk) {
    std::function<void()> notify;
    {
      const std::lock_guard lock(mutex_);
      next_ = std::move(chunk);
      notify = notify_;
    }
    if (notify) notify();
  }
  /// What an empty pull answers from now on.
  void FeedForever(std::string bytes) {
    const std::lock_guard lock(mutex_);
    forever_ = std::move(bytes);
  }
  bool IsLetGo() { return let_go_.wait_for(20s) == std::future_status::ready; }

 private:
  class End final : public ChunkSource {
   public:
    explicit End(FedStream& fed) : fed_(fed) {}
    ~End() override { fed_.gone_.set_value(); }
    Chunk Pull() override {
      const std::lock_guard lock(fed_.mutex_);
      Chunk chunk = std::exchange(fed_.next_, {});
      if (chunk.bytes.empty() && !chunk.is_last) chunk.bytes = fed_.forever_;
      return chunk;
    }
    void SetNotify(std::function<void()> notify) override {
      const std::lock_guard lock(fed_.mutex_);
      fed_.notify_ = std::move(notify);
    }

   private:
    FedStream& fed_;
  };

  std::promise<void> gone_;
  std::future<void> let_go_ = gone_.get_future();
  std::mutex mutex_;
  // Guarded by mutex_.
  Chunk next_{};
  std::string forever_{};
  std::function<void()> notify_{};
};

/// GET /stream gives the stream, everything else a short text.
Service ServiceOf(FedStream& fed) {
  return {.serve =
              [&fed](const Request& request) {
                if (request.target.segments != std::vector<std::string>{"stream"}) return TextResponse(200, "quick");
                Response response{.status = 200};
                response.stream = fed.Source();
                return response;
              },
          .may_block = [](const Request&) { return false; }};
}

const std::string kStream = "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kQuick = "GET /quick HTTP/1.1\r\nHost: h\r\n\r\n";

std::string WatchSlots(const std::string& query = "") {
  return "GET /apis/hero.dev/v1/slots?watch=true" + query + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

void CreateSlot(ApiBox& box, const std::string& name, std::size_t bytes = 0) {
  const auto created = box.Ask("POST", "/apis/hero.dev/v1/namespaces/default/slots",
                               R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + name +
                                   R"(","annotations":{"note":")" + std::string(bytes, 'x') + "\"}}}");
  REQUIRE(created.status == 201);
}

}  // namespace

TEST_CASE("[WIRE] a stream sends its head at once, then chunk by chunk, and ends cleanly") {
  FedStream fed;
  Served served(ServiceOf(fed));
  RawClient client(served.path());
  REQUIRE(client.Send(kStream));
  REQUIRE(client.ReadUntil("\r\n\r\n"));  // Before there is anything to say.
  CHECK(client.seen == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  fed.Feed({.bytes = "one line\n"});
  REQUIRE(client.ReadUntil("9\r\none line\n\r\n"));
  fed.Feed({.bytes = "the last\n", .is_last = true});
  CHECK(client.ReadToEnd());
  CHECK(client.seen.ends_with("9\r\nthe last\n\r\n0\r\n\r\n"));
  CHECK(fed.IsLetGo());
}

TEST_CASE("[WIRE] a client of HTTP/1.0 gets the stream without chunks") {
  FedStream fed;
  Served served(ServiceOf(fed));
  RawClient client(served.path());
  REQUIRE(client.Send("GET /stream HTTP/1.0\r\n\r\n"));
  fed.Feed({.bytes = "plain\n", .is_last = true});
  CHECK(client.ReadToEnd());
  CHECK(client.seen == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nplain\n");
}

TEST_CASE("[WIRE] a stream is asked again when its time has come") {
  FedStream fed;
  fed.Feed({.wake_after = 1ms});
  Served served(ServiceOf(fed));
  RawClient client(served.path());
  REQUIRE(client.Send(kStream));
  REQUIRE(client.ReadUntil("\r\n\r\n"));
  fed.Feed({.bytes = "", .is_last = false, .wake_after = 1ms});
  fed.FeedForever("again\n");  // Nobody is told: only the time brings it.
  CHECK(client.ReadUntil("again"));
}

TEST_CASE("[WIRE] a watcher that has gone is noticed while there is nothing to say") {
  FedStream fed;
  Served served(ServiceOf(fed));
  RawClient client(served.path());
  REQUIRE(client.Send(kStream));
  REQUIRE(client.ReadUntil("\r\n\r\n"));
  client.Close();
  CHECK(fed.IsLetGo());
}

TEST_CASE("[WIRE] a watcher that stops reading is ended, the others are not held up") {
  FedStream fed;
  fed.FeedForever(std::string(64u << 10, 'x'));
  Served served(ServiceOf(fed), {.write_max = 100ms});
  RawClient stalled(served.path());
  REQUIRE(stalled.Send(kStream));
  RawClient other(served.path());
  REQUIRE(other.Send(kQuick));
  CHECK(other.ReadUntil("quick"));
  CHECK(fed.IsLetGo());
  CHECK(stalled.ReadToEnd());
  CHECK_FALSE(stalled.seen.ends_with("0\r\n\r\n"));  // Cut, not ended: it must not believe that this was all.
}

TEST_CASE("[WIRE] what a watcher sends behind its request is thrown away") {
  FedStream fed;
  Served served(ServiceOf(fed));
  RawClient client(served.path());
  REQUIRE(client.Send(kStream + kQuick + std::string(10'000, 'x')));
  fed.Feed({.bytes = "line\n", .is_last = true});
  CHECK(client.ReadToEnd());
  CHECK(client.Statuses() == "200");
}

TEST_CASE("[WIRE] a watch over the socket: what is, what comes, in order; a slow one does not slow the others") {
  ServedBox box({.write_max = 200ms}, {.path = ":memory:", .history_max = 50, .watch_queue_max = 64});
  CreateSlot(box.api, "before");
  RawClient slow(box.served.path());
  RawClient quick(box.served.path());
  for (RawClient* client : {&slow, &quick}) {
    REQUIRE(client->Send(WatchSlots()));
    REQUIRE(client->ReadUntil("\"name\":\"before\""));
  }
  std::size_t from = 0;
  for (int i = 0; i < 40; ++i) {  // 4 MB in all: far more than a socket holds.
    const std::string name = "slot-" + std::to_string(i);
    CreateSlot(box.api, name, 100'000);
    REQUIRE(quick.ReadUntil("\"name\":\"" + name + "\"", from));
    from = quick.seen.find("\"name\":\"" + name + "\"", from);  // Behind the one before: in order.
  }
  CHECK(slow.WaitForHangUp());
  CHECK(slow.ReadToEnd());
  CHECK_FALSE(slow.seen.ends_with("0\r\n\r\n"));
}

TEST_CASE("[WIRE] a crowd of watchers that one write wakes: each is told of it, and of the next, once") {
  constexpr std::size_t kCrowd = 300;  // Some turns of the reactor.
  ServedBox box;
  CreateSlot(box.api, "before");
  std::vector<std::unique_ptr<RawClient>> crowd;
  for (std::size_t i = 0; i < kCrowd; ++i) {
    crowd.push_back(std::make_unique<RawClient>(box.served.path()));
    REQUIRE(crowd.back()->Send(WatchSlots("&resourceVersion=1")));
    REQUIRE(crowd.back()->ReadUntil("\r\n\r\n"));
  }
  crowd[7]->Close();  // Somebody leaves meanwhile.
  for (const char* name : {"first", "second"}) CreateSlot(box.api, name);
  for (std::size_t i = 0; i < kCrowd; ++i) {
    if (i == 7) continue;
    const std::string& seen = crowd[i]->seen;
    REQUIRE(crowd[i]->ReadUntil("\"name\":\"second\""));
    CHECK(seen.find("\"name\":\"before\"") == std::string::npos);
    const std::size_t first = seen.find("\"name\":\"first\"");
    REQUIRE(first != std::string::npos);
    CHECK(first < seen.find("\"name\":\"second\""));
    CHECK(seen.find("\"name\":\"first\"", first + 1) == std::string::npos);
  }
}

TEST_CASE("[WIRE] stopping ends a watch with its last chunk") {
  ServedBox box({.linger_max = 100ms});
  CreateSlot(box.api, "a");
  RawClient client(box.served.path());
  REQUIRE(client.Send(WatchSlots()));
  REQUIRE(client.ReadUntil("\"name\":\"a\""));
  box.served.RequestStop();
  CHECK(client.ReadToEnd());
  CHECK(client.seen.ends_with("\r\n0\r\n\r\n"));
  box.served.Wait();
}
