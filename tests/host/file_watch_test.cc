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
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/file_watch.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::linux::InotifyWatch;
using tests::TempDir;
using namespace std::chrono_literals;

/// Collects hints from any thread.
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

TEST_CASE("[HOST] file watch: without recursion what is below is not hinted") {
  const TempDir dir;
  dir.MakeDirectory("below");
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir.Path() + "/", false, hints.Sink()));  // With a final slash the paths are the same.
  dir.Write("below/file", "1");
  dir.Write("marker", "1");
  CHECK(hints.Await(dir / "marker"));
  CHECK_FALSE(hints.Has(dir / "below/file"));
}

TEST_CASE("[HOST] file watch: two who watch one directory are both told, and one's removal leaves the other") {
  const TempDir dir;
  dir.MakeDirectory("sub");
  Hints outer;
  Hints inner;
  Running running;
  REQUIRE(running.watch->Add(dir.Path(), true, outer.Sink()));
  REQUIRE(running.watch->Add(dir / "sub", false, inner.Sink()));
  dir.Write("sub/one", "1");
  CHECK(outer.Await(dir / "sub/one"));
  CHECK(inner.Await(dir / "sub/one"));

  running.watch->Remove(dir.Path());
  dir.Write("sub/two", "1");
  CHECK(inner.Await(dir / "sub/two"));
  CHECK_FALSE(outer.Has(dir / "sub/two"));
}

TEST_CASE("[HOST] file watch: a second Add replaces the first") {
  const TempDir dir;
  Hints first;
  Hints second;
  Running running;
  REQUIRE(running.watch->Add(dir.Path(), false, first.Sink()));
  REQUIRE(running.watch->Add(dir.Path(), false, second.Sink()));
  dir.Write("file", "1");
  CHECK(second.Await(dir / "file"));
  CHECK_FALSE(first.Has(dir / "file"));
}

TEST_CASE("[HOST] file watch: Remove waits for a call that is going on, and none follows") {
  const TempDir dir;
  Running running;
  std::mutex mutex;
  std::condition_variable moved;
  bool has_begun = false;
  bool may_end = false;
  bool has_ended = false;
  REQUIRE(running.watch->Add(dir.Path(), false, [&](std::string_view) {
    std::unique_lock lock(mutex);
    has_begun = true;
    moved.notify_all();
    moved.wait_for(lock, 60s, [&] { return may_end; });
    has_ended = true;
  }));
  dir.Write("file", "1");
  {
    std::unique_lock lock(mutex);
    REQUIRE(moved.wait_for(lock, 60s, [&] { return has_begun; }));
  }
  std::jthread releaser([&] {
    const std::lock_guard lock(mutex);
    may_end = true;
    moved.notify_all();
  });
  running.watch->Remove(dir.Path());
  const std::lock_guard lock(mutex);
  CHECK(has_ended);
}

TEST_CASE("[HOST] file watch: a callback may remove itself and add others") {
  const TempDir dir;
  dir.MakeDirectory("a");
  dir.MakeDirectory("b");
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir / "a", false, [&](std::string_view) {
    running.watch->Remove(dir / "a");
    CHECK(running.watch->Add(dir / "b", false, hints.Sink()));
    dir.Write("b/file", "1");
  }));
  dir.Write("a/file", "1");
  CHECK(hints.Await(dir / "b/file"));
}

TEST_CASE("[HOST] file watch: a directory that goes is hinted by its own path and can be added again") {
  const TempDir dir;
  dir.MakeDirectory("home");
  Hints hints;
  Running running;
  REQUIRE(running.watch->Add(dir / "home", true, hints.Sink()));
  fs::remove_all(dir / "home");
  CHECK(hints.Await(dir / "home"));
  dir.MakeDirectory("home");
  REQUIRE(running.watch->Add(dir / "home", true, hints.Sink()));
  dir.Write("home/file", "1");
  CHECK(hints.Await(dir / "home/file"));
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
  (*watch)->Remove(dir / "never added");
}

}  // namespace
