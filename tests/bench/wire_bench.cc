// The wire, from outside: herod as a program of its own, asked over its control socket and over TLS with a token,
// beside raw fdatasync and a bare Boost.Beast of the same run.
//   wire_bench DIR MEMORY    DIR is on the disk to measure, MEMORY on none: what Beast does has no disk in it.
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "tests/bench/bench.h"
#include "tests/bench/held_watchers.h"
#include "tests/bench/wire_box.h"
#include "tests/server/tls_client.h"

namespace {

namespace fs = std::filesystem;
using bench::HeldWatchers;
using bench::RequestOf;
using bench::WireBox;
using bench::WireConnection;

constexpr std::size_t kFew = 1'000;
constexpr std::size_t kMany = 100'000;
constexpr std::size_t kWatchers = 1'000;
constexpr int kGets = 5'000;
constexpr int kWrites = 1'000;  // On a disk of 8 ms 16 s, with the raw ones.
constexpr int kFanOuts = 100;   // Of a thousand watchers each.
constexpr const char* kEventEnd = "}\n\r\n";

void PrintPercentiles(const std::string& row, const std::vector<double>& took) {
  bench::Print((row + "-p50").c_str(), bench::Percentile(took, 0.5), "ms");
  bench::Print((row + "-p99").c_str(), bench::Percentile(took, 0.99), "ms");
}

std::string WatchRequest(const std::string& more = "") {
  // No version: from what is there now, which a selector that nothing has keeps from being told.
  return "GET " + std::string(bench::kItems) + "?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan" +
         " HTTP/1.1\r\nHost: bench\r\n" + more + "\r\n";
}

/// A client over TLS with an operator's token.
class Network {
 public:
  explicit Network(const WireBox& box) {
    WireConnection wire(box.socket());
    const auto token =
        api::codec::ParseJson(wire.Expect(201, RequestOf("POST", "/hero/v1/tokens", bench::kJson, "{}")));
    if (!token) throw std::runtime_error("no token");
    const auto text = [&](std::string_view field) { return token->Find(field)->StringOr(""); };
    header = "Authorization: Bearer " + text("token") + "\r\n";
    const std::string server = text("server");
    port_ = static_cast<std::uint16_t>(std::stoi(server.substr(server.rfind(':') + 1)));
    authority_ = *api::codec::DecodeBase64(text("certificateAuthorityData"));
  }

  tests::TlsClient Connect() const { return {port_, authority_}; }

  std::string header;

 private:
  std::uint16_t port_ = 0;
  std::string authority_;
};

void Gets(const WireBox& box, const Network& network) {
  WireConnection wire(box.socket());
  const std::string request = RequestOf("GET", WireBox::TargetOf(7));
  std::vector<double> took;
  for (int i = 0; i < kGets; ++i) {
    const auto began = bench::Clock::now();
    wire.Expect(200, request);
    took.push_back(bench::MillisecondsSince(began));
  }
  PrintPercentiles("wire-get", took);

  tests::TlsClient remote = network.Connect();
  const std::string end = "\"round\":0}}";  // Of an item's text.
  took.clear();
  for (int i = 0; i < kGets; ++i) {
    remote.seen.clear();
    const auto began = bench::Clock::now();
    if (!remote.Send("GET " + WireBox::TargetOf(7) + " HTTP/1.1\r\nHost: bench\r\n" + network.header + "\r\n") ||
        !remote.ReadUntil(end))
      throw std::runtime_error("no answer over TLS: " + remote.seen.substr(0, 300));
    took.push_back(bench::MillisecondsSince(began));
  }
  PrintPercentiles("wire-get-tls", took);
}

/// Lists all, so many times.
void Lists(const WireBox& box, const std::string& row, int times) {
  WireConnection wire(box.socket());
  const std::string request = RequestOf("GET", bench::kItems);
  const double before = box.ResidentKib();
  box.ForgetPeak();
  std::vector<double> took;
  std::size_t bytes = 0;
  for (int i = 0; i < times; ++i) {
    const auto began = bench::Clock::now();
    const bench::Answer answer = wire.Ask(request);
    took.push_back(bench::MillisecondsSince(began));
    if (answer.status != 200) throw std::runtime_error("a list was answered " + std::to_string(answer.status));
    bytes = answer.bytes;
  }
  PrintPercentiles(row, took);
  bench::Print((row + "-rate").c_str(), static_cast<double>(bytes) / 1e3 / bench::Percentile(took, 0.5), "MB/s");
  bench::Print((row + "-bytes").c_str(), static_cast<double>(bytes) / (1 << 20), "MiB");
  bench::Print((row + "-resident-before").c_str(), before / 1'024, "MiB");
  bench::Print((row + "-resident-peak").c_str(), box.PeakResidentKib() / 1'024, "MiB");
  bench::Print((row + "-resident-more").c_str(), (box.PeakResidentKib() - before) / 1'024, "MiB");
}

/// Creates, and what the disk alone takes, in turn.
void Creates(WireBox& box, const std::string& directory) {
  WireConnection wire(box.socket());
  const host::linux::Fd file(::open((directory + "/raw").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string block(4'096, 'r');
  std::vector<double> raw;
  std::vector<double> created;
  for (int i = 0; i < kWrites; ++i) {
    auto began = bench::Clock::now();
    if (::write(file.get(), block.data(), block.size()) != 4'096 || ::fdatasync(file.get()) != 0)
      throw std::runtime_error("the disk takes nothing");
    raw.push_back(bench::MillisecondsSince(began));
    const std::string request = box.NextItem();
    began = bench::Clock::now();
    wire.Expect(201, request);
    created.push_back(bench::MillisecondsSince(began));
  }
  PrintPercentiles("wire-raw-fdatasync", raw);
  PrintPercentiles("wire-create", created);
  bench::Print("wire-create-over-raw", bench::Percentile(created, 0.99) / bench::Percentile(raw, 0.99), "x");
}

/// From the first byte of a write to the last byte of its event.
template <class ReadEvent>
void Events(const WireBox& box, const std::string& row, ReadEvent read_event) {
  WireConnection wire(box.socket());
  std::vector<double> took;
  for (int i = 0; i < kWrites; ++i) {
    const std::string request = WireBox::Change(3, i);
    const auto began = bench::Clock::now();
    wire.Send(request);
    read_event();
    took.push_back(bench::MillisecondsSince(began));
    if (wire.Read().status != 200) throw std::runtime_error("a change was refused");
  }
  PrintPercentiles(row, took);
}

void EventsOfOneWatcher(const WireBox& box, const Network& network) {
  HeldWatchers one(box.socket(), WatchRequest(), 1);
  Events(box, "wire-event", [&] { one.AwaitEvent([](std::size_t) {}); });
  tests::TlsClient remote = network.Connect();
  if (!remote.Send(WatchRequest(network.header)) || !remote.ReadUntil("\r\n\r\n"))
    throw std::runtime_error("no watch over TLS");
  Events(box, "wire-event-tls", [&] {
    remote.seen.clear();
    if (!remote.ReadUntil(kEventEnd)) throw std::runtime_error("the watch over TLS ended");
  });
}

/// One request that all are told of: how long after its first byte each had the event's last.
void TellAll(WireConnection& wire, const std::string& request, HeldWatchers& watchers, std::vector<double>& took) {
  const auto began = bench::Clock::now();
  wire.Send(request);
  watchers.AwaitEvent([&](std::size_t) { took.push_back(bench::MillisecondsSince(began)); });
  if (wire.Read().status != 200) throw std::runtime_error("a change was refused");
}

/// The same event to as many connections, by herod and by the bare server in turn.
void FanOut(const std::string& directory) {
  WireBox box(directory);
  box.Fill(10);
  const double before = box.PrivateKib();
  HeldWatchers ours(box.socket(), WatchRequest(), kWatchers);
  bench::Print("watcher-private", (box.PrivateKib() - before) / kWatchers, "KiB");

  const std::string path = directory + "/beast.sock";
  const bench::Daemon peer({"beast_peer", path}, directory + "/beast.log");
  if (!bench::Await(directory, [&] { return fs::exists(path); })) throw std::runtime_error("beast_peer does not serve");
  HeldWatchers theirs(path, RequestOf("GET", "/"), kWatchers);
  WireConnection to_us(box.socket());
  WireConnection to_them(path);
  std::vector<double> our_times;
  std::vector<double> their_times;
  for (int i = 0; i < kFanOuts; ++i) {
    TellAll(to_us, WireBox::Change(5, i), ours, our_times);
    const std::string& chunk = ours.seen();  // `<size>\r\n<event>\r\n`
    const std::size_t begin = chunk.find('\n') + 1;
    TellAll(to_them, RequestOf("POST", "/", bench::kJson, chunk.substr(begin, chunk.size() - begin - 2)), theirs,
            their_times);
  }
  PrintPercentiles("watchers-1000-event", our_times);
  PrintPercentiles("peer:beast:watchers-1000-event", their_times);
  bench::Print("watchers-1000-event", bench::Percentile(our_times, 0.99) / bench::Percentile(their_times, 0.99), "x");
  bench::Print("watcher-private-after-events", (box.PrivateKib() - before) / kWatchers, "KiB");
}

void Measure(const std::string& directory, const std::string& memory) {
  FanOut(memory);
  WireBox box(directory);
  box.Fill(kFew);
  const Network network(box);
  Gets(box, network);
  Lists(box, "wire-list-1000", 200);
  Creates(box, directory);
  EventsOfOneWatcher(box, network);
  const auto began = bench::Clock::now();
  box.Fill(kMany);
  bench::Print("wire-fill", bench::SecondsSince(began), "s");
  Lists(box, "wire-list-100000", 5);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string directory = fs::absolute(argv[1]);
  const std::string memory = fs::absolute(argv[2]);
  for (const std::string& path : {directory, memory}) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  try {
    Measure(directory, memory);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wire_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
