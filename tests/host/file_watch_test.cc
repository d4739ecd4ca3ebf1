#include "host/file_watch.h"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/file_watch.h"
#include "tests/support/fake_file_watch.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::linux::InotifyWatch;
using tests::TempDir;
using namespace std::chrono_literals;

/// Collects hints from any thread. Outlives the watch that hints.
class Hints {
 public:
  host::FileWatch::Changed Sink() {
    return [this](std::string_view path) {
      const std::lock_guard lock(mutex_);
      paths_.emplace(path);
      arrived_.notify_all();
    };
  }
  /// Waits for that path to be hinted, forever for a person, a minute for a test.
  bool Await(const std::string& path) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, 60s, [&] { return paths_.contains(path); });
  }
  bool Has(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return paths_.contains(path);
  }
  void Clear() {
    const std::lock_guard lock(mutex_);
    paths_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::set<std::string> paths_;
};

/// A watch that runs in its own thread until the end of the test.
struct Running {
  std::unique_ptr<InotifyWatch> watch = [] {
    auto created = InotifyWatch::Create();
    REQUIRE(created);
    return *std::move(created);
  }();
  std::jthread thread{[this](const std::stop_token& stop) { watch->Run(stop); }};
};

/// The real one, and a directory to change things in.
struct Inotify {
  TempDir dir;
  Running running;
  host::FileWatch& watch = *running.watch;

  void Write(const std::string& path) const { dir.Write(path, "1"); }
  void RemoveDirectory(const std::string& path) const { fs::remove_all(dir / path); }
};

/// The fake one, which is rung for every change.
struct Fake {
  TempDir dir;
  tests::FakeFileWatch watch;

  void Write(const std::string& path) { watch.Ring(dir / path); }
  void RemoveDirectory(const std::string& path) { watch.RingGone(dir / path); }
};

TEST_CASE("[HOST] file watch: written, made, renamed and removed entries are hinted") {
  const TempDir dir;
  dir.Write("old", "1");
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir.Path(), false, hints.Sink()));

  dir.Write("old", "2");
  CHECK(hints.Await(dir / "old"));
  dir.Write("new", "");
  CHECK(hints.Await(dir / "new"));
  fs::rename(dir / "new", dir / "renamed");
  CHECK(hints.Await(dir / "renamed"));
  hints.Clear();
  fs::remove(dir / "old");
  CHECK(hints.Await(dir / "old"));
}

TEST_CASE("[HOST] file watch: a file that is replaced by rename is seen every time") {
  const TempDir dir;
  dir.Write("passwd", "0");
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir.Path(), false, hints.Sink()));
  for (int i = 0; i < 3; ++i) {
    hints.Clear();
    dir.Write("passwd.tmp", std::to_string(i));
    fs::rename(dir / "passwd.tmp", dir / "passwd");
    CHECK(hints.Await(dir / "passwd"));
  }
}

TEST_CASE("[HOST][SEC-14] file watch: another mode is hinted, of an entry and of the directory itself") {
  const TempDir dir;
  dir.Write("keys/authorized_keys", "1");
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir / "keys", false, hints.Sink()));
  fs::permissions(dir / "keys/authorized_keys", fs::perms::all);
  CHECK(hints.Await(dir / "keys/authorized_keys"));
  fs::permissions(dir / "keys", fs::perms::all);
  CHECK(hints.Await(dir / "keys"));
}

TEST_CASE("[HOST] file watch: directories that appear are followed, with what is in them before we look") {
  const TempDir dir;
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir.Path(), true, hints.Sink()));
  for (int i = 0; i < 20; ++i) {  // The deeper ones appear faster than a watch can be made.
    const std::string top = "top" + std::to_string(i);
    dir.Write(top + "/a/b/file", "1");
    CHECK(hints.Await(dir / (top + "/a/b/file")));
  }
  hints.Clear();
  dir.Write("top0/a/b/later", "1");
  CHECK(hints.Await(dir / "top0/a/b/later"));
}

TEST_CASE("[HOST] file watch: a directory that is renamed goes on under its new name") {
  const TempDir dir;
  dir.Write("from/below/file", "1");
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir.Path(), true, hints.Sink()));
  fs::rename(dir / "from", dir / "to");
  CHECK(hints.Await(dir / "to/below/file"));
  hints.Clear();
  dir.Write("to/below/file", "2");
  CHECK(hints.Await(dir / "to/below/file"));
  CHECK_FALSE(hints.Has(dir / "from/below/file"));
}

TEST_CASE_TEMPLATE("[HOST] file watch: an entry is hinted by its path; without recursion what is below is not", Backend,
                   Inotify, Fake) {
  Hints hints;
  Backend backend;
  backend.dir.MakeDirectory("below");
  REQUIRE(backend.watch.Add(backend.dir.Path() + "/", false, hints.Sink()));  // With a final slash the same.
  backend.Write("below/file");
  backend.Write("marker");
  CHECK(hints.Await(backend.dir / "marker"));
  CHECK_FALSE(hints.Has(backend.dir / "below/file"));
}

TEST_CASE_TEMPLATE("[HOST] file watch: two who watch one directory are both told, and one's removal leaves the other",
                   Backend, Inotify, Fake) {
  Hints outer;
  Hints inner;
  Backend backend;
  backend.dir.MakeDirectory("sub");
  REQUIRE(backend.watch.Add(backend.dir.Path(), true, outer.Sink()));
  REQUIRE(backend.watch.Add(backend.dir / "sub", false, inner.Sink()));
  backend.Write("sub/one");
  CHECK(outer.Await(backend.dir / "sub/one"));
  CHECK(inner.Await(backend.dir / "sub/one"));

  backend.watch.Remove(backend.dir.Path());
  backend.Write("sub/two");
  CHECK(inner.Await(backend.dir / "sub/two"));
  CHECK_FALSE(outer.Has(backend.dir / "sub/two"));
}

TEST_CASE_TEMPLATE("[HOST] file watch: a second Add replaces the first", Backend, Inotify, Fake) {
  Hints first;
  Hints second;
  Backend backend;
  REQUIRE(backend.watch.Add(backend.dir.Path(), false, first.Sink()));
  REQUIRE(backend.watch.Add(backend.dir.Path(), false, second.Sink()));
  backend.Write("file");
  CHECK(second.Await(backend.dir / "file"));
  CHECK_FALSE(first.Has(backend.dir / "file"));
}

TEST_CASE_TEMPLATE("[HOST] file watch: Remove waits for a call that is going on, and none follows", Backend, Inotify,
                   Fake) {
  std::mutex mutex;
  std::condition_variable moved;
  int begun = 0;
  bool may_end = false;
  bool has_ended = false;
  Hints hints;
  Backend backend;
  REQUIRE(backend.watch.Add(backend.dir.Path(), false, [&](std::string_view) {
    std::unique_lock lock(mutex);
    ++begun;
    moved.notify_all();
    moved.wait_for(lock, 60s, [&] { return may_end; });
    has_ended = true;
  }));
  std::jthread writer([&backend] { backend.Write("file"); });  // The fake calls from here.
  {
    std::unique_lock lock(mutex);
    REQUIRE(moved.wait_for(lock, 60s, [&] { return begun > 0; }));
  }
  std::jthread releaser([&] {
    const std::lock_guard lock(mutex);
    may_end = true;
    moved.notify_all();
  });
  backend.watch.Remove(backend.dir.Path());
  int begun_before = 0;
  {
    const std::lock_guard lock(mutex);
    CHECK(has_ended);
    begun_before = begun;
  }
  writer.join();
  REQUIRE(backend.watch.Add(backend.dir.Path(), false, hints.Sink()));
  backend.Write("later");
  CHECK(hints.Await(backend.dir / "later"));
  const std::lock_guard lock(mutex);
  CHECK(begun == begun_before);
}

TEST_CASE_TEMPLATE("[HOST] file watch: a callback may remove itself and add others", Backend, Inotify, Fake) {
  Hints hints;
  Backend backend;
  backend.dir.MakeDirectory("a");
  backend.dir.MakeDirectory("b");
  REQUIRE(backend.watch.Add(backend.dir / "a", false, [&](std::string_view) {
    backend.watch.Remove(backend.dir / "a");
    CHECK(backend.watch.Add(backend.dir / "b", false, hints.Sink()));
    backend.Write("b/file");
  }));
  backend.Write("a/file");
  CHECK(hints.Await(backend.dir / "b/file"));
}

TEST_CASE_TEMPLATE("[HOST] file watch: a directory that goes is hinted by its own path and can be added again", Backend,
                   Inotify, Fake) {
  Hints hints;
  Backend backend;
  backend.dir.MakeDirectory("home");
  REQUIRE(backend.watch.Add(backend.dir / "home", true, hints.Sink()));
  backend.RemoveDirectory("home");
  CHECK(hints.Await(backend.dir / "home"));
  hints.Clear();
  backend.dir.MakeDirectory("home");
  REQUIRE(backend.watch.Add(backend.dir / "home", true, hints.Sink()));
  backend.Write("home/file");
  CHECK(hints.Await(backend.dir / "home/file"));
}

TEST_CASE_TEMPLATE("[HOST] file watch: a directory that went is not watched any more until it is added again", Backend,
                   Inotify, Fake) {
  Hints gone;
  Hints marker;
  Backend backend;
  backend.dir.MakeDirectory("home");
  REQUIRE(backend.watch.Add(backend.dir.Path(), false, marker.Sink()));
  REQUIRE(backend.watch.Add(backend.dir / "home", false, gone.Sink()));
  backend.RemoveDirectory("home");
  CHECK(gone.Await(backend.dir / "home"));
  gone.Clear();
  backend.dir.MakeDirectory("home");
  backend.Write("home/file");
  backend.Write("marker");
  CHECK(marker.Await(backend.dir / "marker"));
  CHECK_FALSE(gone.Has(backend.dir / "home/file"));
}

TEST_CASE_TEMPLATE("[HOST] file watch: Remove of what nobody added is nothing, and Run ends when it is asked to",
                   Backend, Inotify, Fake) {
  Backend backend;
  backend.watch.Remove(backend.dir / "never added");
  if constexpr (std::is_same_v<Backend, Fake>) {
    std::jthread runner([&backend](const std::stop_token& stop) { backend.watch.Run(stop); });
  }
}

TEST_CASE("[HOST][SEC-15] file watch: links below a directory are not followed") {
  const TempDir dir;
  dir.MakeDirectory("home");
  dir.MakeDirectory("outside");
  fs::create_directory_symlink(dir / "outside", dir / "home/link");
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir / "home", true, hints.Sink()));
  dir.Write("outside/file", "1");
  dir.Write("home/marker", "1");
  CHECK(hints.Await(dir / "home/marker"));
  CHECK_FALSE(hints.Has(dir / "home/link/file"));
}

TEST_CASE("[HOST] file watch: when the kernel drops events everything watched is hinted and followed again") {
  const TempDir dir;
  dir.Write("busy/a", "1");
  dir.MakeDirectory("quiet");
  Hints hints;
  auto watch = InotifyWatch::Create();
  REQUIRE(watch);
  REQUIRE((*watch)->Add(dir / "busy", false, hints.Sink()));
  REQUIRE((*watch)->Add(dir / "quiet", true, hints.Sink()));
  int events_max = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> events_max;
  REQUIRE(events_max > 0);
  for (int i = 0; i < events_max; i += 4) {  // Two events each: nobody reads them yet, so the queue fills.
    fs::rename(dir / "busy/a", dir / "busy/b");
    fs::rename(dir / "busy/b", dir / "busy/a");
  }
  for (int i = 0; i < 4; ++i) dir.Write("busy/" + std::to_string(i), "");
  dir.Write("quiet/below/lost", "1");  // Its event does not fit any more.

  const std::jthread thread([&](const std::stop_token& stop) { (*watch)->Run(stop); });
  CHECK(hints.Await(dir / "quiet"));
  CHECK(hints.Await(dir / "busy"));
  dir.Write("quiet/below/later", "1");
  CHECK(hints.Await(dir / "quiet/below/later"));
}

TEST_CASE("[HOST] file watch: what cannot be watched is said") {
  const TempDir dir;
  dir.Write("file", "");
  Hints hints;
  auto watch = InotifyWatch::Create();
  REQUIRE(watch);
  const auto absent = (*watch)->Add(dir / "absent", false, hints.Sink());
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == Code::kNotFound);
  const auto file = (*watch)->Add(dir / "file", false, hints.Sink());
  REQUIRE_FALSE(file);
  CHECK(file.error().code == Code::kUnavailable);
}

}  // namespace
