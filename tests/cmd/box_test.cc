#include "cmd/herod/box.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <sys/inotify.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/object.h"
#include "api/v1/uid_reservation.h"
#include "api/v1/user.h"
#include "client/wire_client.h"
#include "cmd/heroctl/commands.h"
#include "host/linux/clock.h"
#include "host/linux/files.h"
#include "host/linux/processes.h"
#include "reconciler/typed.h"
#include "tests/support/ssh_key.h"
#include "tests/support/team_forge.h"
#include "tests/support/temp_dir.h"

namespace tests {
namespace {

using api::v1::User;
using std::chrono::seconds;

/// A running box: real git, real files, the control socket and a client on it. Nothing is faked.
class RunningBox {
 public:
  RunningBox() {
    config_.team.url = forge_.url();
    Start();
  }

  void Start(bool is_observe_only = false) {
    auto box = herod::Box::Open(config_, root_, is_observe_only);
    REQUIRE_MESSAGE(box, box.error().message);
    box_ = *std::move(box);
    stop_ = std::stop_source();
    thread_ = std::jthread([this] { CHECK(box_->Run(stop_.get_token())); });
    transport_ = std::make_unique<client::Transport>(
        client::TransportOptions{.socket_path = box_->paths().control_socket}, clock_);
    client_ = std::make_unique<client::WireClient>(*transport_);
  }

  void Stop() {
    stop_.request_stop();
    thread_.join();
    client_.reset();
    transport_.reset();
    box_.reset();
  }

  ~RunningBox() {
    if (box_) Stop();
  }

  void WriteUser(const std::string& name, const std::string& more = "") { forge_.WriteUser(name, more); }
  void RemoveUser(const std::string& name) { forge_.RemoveUser(name); }
  void Push() { forge_.Push(); }

  /// Waits, by a watch of a kind, until `is_so`. False when it is not so after 20 s without any change of that kind.
  bool WaitUntil(const std::function<bool()>& is_so, const std::string& resource = "users.hero.dev") {
    auto watch = client_->OpenWatch(resource, {});
    REQUIRE_MESSAGE(watch, watch.error().message);
    while (!is_so()) {
      auto event = (*watch)->Next(seconds(20), {});
      if (!event || !*event) return is_so();
    }
    return true;
  }

  bool IsReady(const std::string& name) {
    const auto user = reconciler::Get<User>(*client_, name);
    return user && user->common.IsReady(user->metadata.generation);
  }
  /// The reason of the user's Ready.
  std::string ReadyOf(const std::string& name) {
    const auto user = reconciler::Get<User>(*client_, name);
    const api::Condition* ready = user ? user->common.Find(api::kReady) : nullptr;
    return ready ? ready->reason : "";
  }
  /// Of the user's last write: equal when nobody wrote it.
  api::ResourceVersion Version(const std::string& name) {
    const auto user = reconciler::Get<User>(*client_, name);
    return user ? user->metadata.resource_version : api::ResourceVersion{};
  }
  bool IsGone(const std::string& name) {
    const auto user = reconciler::Get<User>(*client_, name);
    return !user && user.error().code == api::Code::kNotFound;
  }

  /// A document of the daemon.
  api::Json Fetch(const std::string& target) {
    auto json = client_->Fetch(target);
    REQUIRE_MESSAGE(json, json.error().message);
    return *std::move(json);
  }
  /// As `heroctl reconcile`: true once the engine says that it has looked.
  bool Reconcile(const std::string& name, const std::string& wish) {
    const api::ObjectKey key{"users.hero.dev", "", name};
    const api::Json patch = api::Json::Of(
        {{"metadata", api::Json::Of({{"annotations", api::Json::Of({{"hero.dev/reconcile-requested-at", wish}})}})}});
    REQUIRE(client_->Patch(key, patch, {}));
    return WaitUntil([&] {
      const auto object = client_->Get(key);
      return object &&
             (*object)->text.find(R"("handled":{"reconcile-requested-at":")" + wish + "\"}") != std::string::npos;
    });
  }

  std::string Line(const std::string& file, const std::string& name) const {
    std::ifstream lines(root_ + file);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with(name + ":")) return line;
    return "";
  }
  std::string Read(const std::string& file) const {
    std::ifstream stream(root_ + file);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }
  const std::string& root() const { return root_; }
  client::WireClient& client() { return *client_; }

  /// Unpacks an archive.
  static void Unpack(const std::string& archive, const std::string& into) {
    std::filesystem::create_directories(into);
    host::linux::SpawnedProcesses processes;
    auto done = processes.Run({.argv = {"tar", "-C", into, "-xpzf", archive},
                               .environment = {{"PATH", "/usr/bin:/bin"}},
                               .deadline = seconds(30)},
                              {});
    REQUIRE_MESSAGE(done, done.error().message);
    REQUIRE_MESSAGE(done->exit_code == 0, done->err);
  }

 private:
  const TempDir dir_;
  const std::string root_ = dir_ / "box";
  const TeamForge forge_{dir_.Path()};
  const host::linux::SystemClock clock_;
  herod::Config config_;
  std::unique_ptr<herod::Box> box_;
  std::unique_ptr<client::Transport> transport_;
  std::unique_ptr<client::WireClient> client_;
  std::stop_source stop_;
  std::jthread thread_;
};

/// `heroctl ARGUMENTS` at that box: its exit code, and what it printed.
std::pair<int, std::string> Heroctl(RunningBox& box, std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "heroctl");
  const auto flags = heroctl::ParseFlags(static_cast<int>(arguments.size()), arguments.data());
  REQUIRE(std::holds_alternative<heroctl::Flags>(flags));
  std::istringstream in;
  std::ostringstream out;
  const host::linux::SystemClock clock;
  const int code = heroctl::Run({.client = box.client(), .clock = clock, .in = in, .out = out, .err = out},
                                std::get<heroctl::Flags>(flags));
  return {code, out.str()};
}

/// Counts how often a file of a directory was put in place of the one before.
class RewriteCounter {
 public:
  explicit RewriteCounter(const std::string& directory) : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    REQUIRE(::inotify_add_watch(inotify_.get(), directory.c_str(), IN_MOVED_TO) >= 0);
  }

  int Of(std::string_view name) const {
    int count = 0;
    alignas(inotify_event) std::array<char, 64U << 10U> events{};
    for (ssize_t size = 0; (size = ::read(inotify_.get(), events.data(), events.size())) > 0;) {
      for (const char* at = events.data(); at < events.data() + size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        if (event->len > 0 && name == event->name) ++count;
        at += sizeof(inotify_event) + event->len;
      }
    }
    return count;
  }

 private:
  const host::linux::Fd inotify_;
};

TEST_CASE("[ENGINE][WIRE] box: a wish is acknowledged, why tells what was done, the queue who works") {
  RunningBox box;
  box.WriteUser("alice");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("alice"); }));
  REQUIRE(box.Reconcile("alice", "2026-11-20T20:58:51.000001Z"));
  const api::Json why = box.Fetch("/hero/v1/why?resource=users.hero.dev&name=alice");
  const api::Json::Array& passes = *why.Find("passes")->array();
  REQUIRE(!passes.empty());
  const api::Json::Array& steps = *passes.front().Find("steps")->array();
  REQUIRE(!steps.empty());
  CHECK(*steps.front().Find("step") == api::Json("claim account alice: the one to come is herod's"));
  CHECK(*steps.front().Find("state") == api::Json("done"));
  std::string controllers;
  const api::Json queue = box.Fetch("/hero/v1/queue");
  for (const api::Json& one : *queue.Find("controllers")->array())
    controllers += one.Find("controller")->StringOr("") + " ";
  CHECK(controllers == "team repository user ");
}

TEST_CASE("[SEC-08] box: numbers of a lost box are brought to a new one, those of members who have left as well") {
  const TempDir dir;
  const std::string file = dir / "box.yaml";
  std::string bob;
  {
    RunningBox lost;
    for (const char* name : {"alice", "bob", "carol"}) lost.WriteUser(name);
    lost.Push();
    REQUIRE(lost.WaitUntil([&] { return lost.IsReady("alice") && lost.IsReady("bob") && lost.IsReady("carol"); }));
    bob = lost.Line("/etc/passwd", "bob");
    lost.RemoveUser("alice");
    lost.Push();
    REQUIRE(lost.WaitUntil([&] { return lost.IsGone("alice"); }));
    CHECK(Heroctl(lost, {"backup", file.c_str()}) == std::pair(0, file + ": 3 numbers\n"));
  }
  RunningBox box;  // Its origin has no commit yet.
  box.Stop();
  box.Start(true);
  CHECK(Heroctl(box, {"restore", file.c_str()}) == std::pair(0, std::string("3 numbers restored, 0 were there\n")));
  CHECK(Heroctl(box, {"restore", file.c_str()}) == std::pair(0, std::string("0 numbers restored, 3 were there\n")));
  const std::string again = dir / "again.yaml";
  CHECK(Heroctl(box, {"backup", again.c_str()}).first == 0);
  CHECK(dir.Read("again.yaml") == dir.Read("box.yaml"));
  box.Stop();
  box.Start();
  box.WriteUser("bob");
  box.WriteUser("dave");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("bob") && box.IsReady("dave"); }));
  CHECK(box.Line("/etc/passwd", "bob") == bob);
  CHECK(box.Line("/etc/passwd", "dave").starts_with("dave:x:20003:"));

  dir.Write(
      "other.yaml",
      "apiVersion: hero.dev/v1\nkind: UidReservation\nmetadata: {name: erin}\nspec: {uid: 20004, user: erin}\n---\n"
      "apiVersion: hero.dev/v1\nkind: UidReservation\nmetadata: {name: bob}\nspec: {uid: 20009, user: bob}\n");
  const auto [code, text] = Heroctl(box, {"restore", (dir / "other.yaml").c_str()});
  CHECK(code == 1);
  CHECK(text.find("20009 for bob") != std::string::npos);
  CHECK(text.find("(on this box): a number is given once; nothing was restored") != std::string::npos);
  CHECK_FALSE(reconciler::Get<api::v1::UidReservation>(box.client(), "erin"));
  dir.Write("user.yaml", "apiVersion: hero.dev/v1\nkind: User\nmetadata: {name: erin}\n");
  CHECK(Heroctl(box, {"restore", (dir / "user.yaml").c_str()}).second.find("is no UidReservation") !=
        std::string::npos);
}

TEST_CASE(
    "[HTB-01][HTB-10][HTB-12][HTB-13][HTB-15][HTB-16] box: a pushed commit becomes an account, changes it, and ends it") {
  RunningBox box;
  box.WriteUser("alice");
  box.WriteUser("bob");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("alice") && box.IsReady("bob"); }));
  CHECK(box.Line("/etc/passwd", "alice").ends_with(":/home/alice:/bin/bash"));
  CHECK(box.Line("/etc/group", "developers").find("alice") != std::string::npos);
  CHECK(box.Line("/etc/group", "hero").find("alice") != std::string::npos);
  CHECK(box.Line("/etc/shadow", "alice").starts_with("alice:*:"));
  CHECK(box.Read("/home/alice/.ssh/authorized_keys").find(SshKey("alice")) != std::string::npos);
  CHECK(std::filesystem::exists(box.root() + "/home/driver/hero/forge/lhumina_code-private/secrets_alice.git/HEAD"));

  box.WriteUser("alice", "deactivated = true\n");
  box.Push();
  REQUIRE(box.WaitUntil([&] {
    const auto alice = box.Line("/etc/shadow", "alice");
    return alice.ends_with(":0:") && box.IsReady("alice");
  }));

  std::filesystem::create_directories(box.root() + "/home/bob/hero");
  box.RemoveUser("bob");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsGone("bob"); }));
  CHECK(box.Line("/etc/shadow", "bob").ends_with(":0:"));
  int archives = 0;
  for (const auto& entry : std::filesystem::directory_iterator(box.root() + "/home/driver/hero/var/team_sync/archive"))
    archives += entry.path().filename().string().starts_with("bob-") && entry.path().extension() == ".gz" ? 1 : 0;
  CHECK(archives == 1);
  CHECK(std::filesystem::exists(box.root() + "/home/bob/hero"));
}

TEST_CASE("[HTB-16][SEC-05] box: a member leaves with an archive that tar restores, and returns to the same account") {
  RunningBox box;
  box.WriteUser("alice");
  box.WriteUser("bob");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("alice") && box.IsReady("bob"); }));
  const std::string passwd = box.Line("/etc/passwd", "bob");
  std::filesystem::create_directories(box.root() + "/home/bob/hero/code");
  std::ofstream(box.root() + "/home/bob/hero/code/slides.c") << "int main() {}";
  std::ofstream(box.root() + "/home/bob/hero/secrets.toml") << "TOKEN = 'hunter2'";
  box.RemoveUser("bob");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsGone("bob"); }));

  std::string archive;
  for (const auto& entry : std::filesystem::directory_iterator(box.root() + "/home/driver/hero/var/team_sync/archive"))
    archive = entry.path();
  RunningBox::Unpack(archive, box.root() + "/restored");
  CHECK(box.Read("/restored/hero/code/slides.c") == "int main() {}");
  CHECK_FALSE(std::filesystem::exists(box.root() + "/restored/hero/secrets.toml"));

  box.WriteUser("bob");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("bob"); }));
  CHECK(box.Line("/etc/passwd", "bob") == passwd);
  CHECK_FALSE(box.Line("/etc/shadow", "bob").ends_with(":0:"));
  CHECK(box.Read("/home/bob/hero/secrets.toml") == "TOKEN = 'hunter2'");
}

TEST_CASE("[HTB-10] box: a hundred accounts that are missing at once share the rewrites of the account files") {
  RunningBox box;
  constexpr int kMembers = 100;
  const auto all = [&](const auto& is_so) {
    for (int i = 0; i < kMembers; ++i)
      if (!is_so("u" + std::to_string(i))) return false;
    return true;
  };
  for (int i = 0; i < kMembers; ++i) box.WriteUser("u" + std::to_string(i));
  box.Push();
  REQUIRE(box.WaitUntil([&] { return all([&](const std::string& name) { return box.IsReady(name); }); }));
  box.Stop();
  const std::string before = box.Line("/etc/passwd", "u42");
  for (const char* file : {"passwd", "group", "shadow"}) std::filesystem::remove(box.root() + "/etc/" + file);
  const RewriteCounter rewrites(box.root() + "/etc");
  box.Start();
  REQUIRE(box.WaitUntil(
      [&] { return all([&](const std::string& name) { return !box.Line("/etc/passwd", name).empty(); }); }, "events"));
  const int count = rewrites.Of("passwd");
  CAPTURE(count);
  CHECK(count >= 1);
  CHECK(count < kMembers / 2);
  CHECK(box.Line("/etc/passwd", "u42") == before);  // The same number.
}

TEST_CASE("[HTB-13][SEC-14] box: a key added by hand is taken out without anybody asking") {
  RunningBox box;
  box.WriteUser("alice");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("alice"); }));
  const std::string good = box.Read("/home/alice/.ssh/authorized_keys");
  std::ofstream(box.root() + "/home/alice/.ssh/authorized_keys", std::ios::app) << "ssh-ed25519 AAAA mine\n";
  // Every step is an event; nothing else of the user changes.
  CHECK(box.WaitUntil([&] { return box.Read("/home/alice/.ssh/authorized_keys") == good; }, "events"));
}

TEST_CASE("[HTB-13][SEC-14] box: keys that were opened to others are closed again, and our own mending ends there") {
  RunningBox box;
  box.WriteUser("alice");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("alice"); }));
  const std::filesystem::path ssh = box.root() + "/home/alice/.ssh";
  using std::filesystem::perms;
  for (const auto& path : {ssh / "authorized_keys", ssh}) {
    CAPTURE(path.string());
    const perms closed = std::filesystem::status(path).permissions();
    std::filesystem::permissions(path, perms::all);
    CHECK(box.WaitUntil([&] { return std::filesystem::status(path).permissions() == closed; }, "events"));
  }
  // Each write of ours is seen, and looked at, but does not lead to another one: of the 16 newest passes few are for
  // it.
  for (int i = 0; i < 4; ++i) REQUIRE(box.Reconcile("alice", "2026-11-20T20:58:51.00000" + std::to_string(i) + "Z"));
  const api::Json why = box.Fetch("/hero/v1/why?resource=users.hero.dev&name=alice");
  int steps = 0;
  for (const api::Json& pass : *why.Find("passes")->array())
    for (const api::Json& step : *pass.Find("steps")->array())
      steps += step.Find("step")->StringOr("").starts_with("write keys") ? 1 : 0;
  CHECK(steps == 3);  // The first, and one for each change by hand.
}

TEST_CASE(
    "[HTB-13][SEC-14] box: a key file that is a directory is told to its member alone, and mended once it is gone") {
  RunningBox box;
  box.WriteUser("alice");
  box.WriteUser("bob");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("alice") && box.IsReady("bob"); }));
  const std::string keys = "/home/alice/.ssh/authorized_keys";
  const std::string good = box.Read(keys);
  std::filesystem::rename(box.root() + "/home/alice/.ssh", box.root() + "/home/alice/elsewhere");
  CHECK(box.WaitUntil([&] { return box.Read(keys) == good; }, "events"));

  const auto put_directory = [&] {  // herod may have mended it in between.
    std::error_code error;
    std::filesystem::remove(box.root() + keys, error);
    return std::filesystem::create_directory(box.root() + keys, error);
  };
  while (!put_directory()) std::this_thread::yield();
  REQUIRE(box.WaitUntil([&] { return box.ReadyOf("alice") == "NotAPlainPath"; }));
  CHECK(box.IsReady("bob"));
  std::filesystem::remove(box.root() + keys);
  CHECK(box.WaitUntil([&] { return box.IsReady("alice"); }));
  CHECK(box.Read(keys) == good);
}

TEST_CASE("[HTB-18][HTB-89] box: started again it leaves what is as it should be and does what was pushed meanwhile") {
  RunningBox box;
  box.WriteUser("alice");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("alice"); }));
  const auto before = box.Version("alice");
  box.Stop();
  box.WriteUser("bob");
  box.Push();
  box.Start();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("bob"); }));
  CHECK(box.Version("alice") == before);
}

TEST_CASE("[HTB-18] box: only observed, it says what it would do about a hand edit and changes nothing") {
  RunningBox box;
  box.WriteUser("alice");
  box.Push();
  REQUIRE(box.WaitUntil([&] { return box.IsReady("alice"); }));
  box.Stop();
  std::ofstream(box.root() + "/home/alice/.ssh/authorized_keys", std::ios::app) << "ssh-ed25519 AAAA mine\n";
  const std::string edited = box.Read("/home/alice/.ssh/authorized_keys");
  box.Start(true);
  CHECK(box.WaitUntil([&] { return box.ReadyOf("alice") == "ObserveOnly"; }));
  CHECK(box.Read("/home/alice/.ssh/authorized_keys") == edited);
  box.Stop();
  box.Start();
  CHECK(box.WaitUntil([&] { return box.IsReady("alice"); }));
  CHECK(box.Read("/home/alice/.ssh/authorized_keys") != edited);
}

TEST_CASE("[SEC-61] box: a second herod on the same box is refused, and the first goes on") {
  RunningBox box;
  herod::Config config;
  config.team.url = "file:///nowhere";
  auto second = herod::Box::Open(config, box.root());
  REQUIRE_FALSE(second);
  CHECK(second.error().reason == "StoreLocked");
  box.WriteUser("alice");
  box.Push();
  CHECK(box.WaitUntil([&] { return box.IsReady("alice"); }));
}

}  // namespace
}  // namespace tests
