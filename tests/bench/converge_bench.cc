// From the push of one commit that declares 1 000 members until the last of them is Ready: a whole rootless box in this
// process, with real git, account files, homes, archives and a local forge, and its store on DIR's disk.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "api/codec/object.h"
#include "client/wire_client.h"
#include "cmd/herod/box.h"
#include "host/linux/clock.h"
#include "host/linux/log.h"
#include "host/log.h"
#include "reconciler/typed.h"
#include "tests/bench/bench.h"
#include "tests/support/team_forge.h"

namespace {

constexpr int kMembers = 1'000;

/// A box that runs until it goes.
class RunningBox {
 public:
  RunningBox(const std::string& root, const std::string& team_url) {
    herod::Config config;
    config.team.url = team_url;
    config.forge.private_org = "";
    auto box = herod::Box::Open(config, root);
    if (!box) {
      std::fprintf(stderr, "converge_bench: %s\n", box.error().message.c_str());
      std::exit(1);
    }
    box_ = *std::move(box);
    runs_ = std::jthread([this](std::stop_token stop) { (void)box_->Run(stop); });
  }

  const std::string& socket() const { return box_->paths().control_socket; }

 private:
  std::unique_ptr<herod::Box> box_;
  std::jthread runs_;
};

/// Returns once so many objects of a kind are Ready, as `heroctl wait` would see it.
void WaitForReady(client::WireClient& client, const std::string& resource, std::size_t count) {
  std::set<std::string> ready;
  auto watch = client.OpenWatch(resource, {});
  while (watch && ready.size() < count) {
    auto event = (*watch)->Next(std::chrono::minutes(2), {});
    if (!event || !*event) break;
    if (!(*event)->object) continue;  // Nothing but how far it is.
    const auto object = api::codec::ParseObject((*event)->object->text);
    if (object && api::codec::CommonStatusOf(*object).IsReady(object->metadata.generation))
      ready.insert(object->metadata.name);
  }
  if (ready.size() >= count) return;
  std::fprintf(stderr, "converge_bench: %zu of %zu %s became ready\n", ready.size(), count, resource.c_str());
  std::_Exit(1);
}

double Converge(const std::string& directory) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const tests::TeamForge forge(directory);
  forge.WriteUser("first");
  forge.Push();
  const RunningBox box(directory + "/box", forge.url());
  const host::linux::SystemClock clock;
  const client::Transport transport({.socket_path = box.socket()}, clock);
  client::WireClient client(transport);
  WaitForReady(client, "users.hero.dev", 1);

  for (int i = 0; i < kMembers; ++i) forge.WriteUser("member" + std::to_string(i));
  forge.Commit();
  const auto began = bench::Clock::now();
  forge.Publish();
  WaitForReady(client, "users.hero.dev", kMembers + 1);
  return bench::SecondsSince(began);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  host::log::SetSink(host::linux::MakeStderrSink(host::log::Level::kInfo));  // As herod does.
  const std::string directory = std::filesystem::absolute(argv[1]);
  bench::Print("converge-1000-objects", Converge(directory), "s");
  std::filesystem::remove_all(directory);
}
