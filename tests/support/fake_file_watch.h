#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/file_watch.h"
#include "tests/support/call_counter.h"

namespace tests {

/// A watch that a test rings by hand, on directories that need not exist. Hints come from the test's thread, in Ring,
/// not from Run. Thread-safe.
class FakeFileWatch final : public host::FileWatch {
 public:
  api::Expected<void> Add(const std::string& directory, bool recursive, Changed changed) override {
    {
      const std::lock_guard lock(mutex_);
      if (auto error = counter_.Call()) return *error;
    }
    Take(directory);
    const std::lock_guard lock(mutex_);
    asked_[WithoutFinalSlash(directory)] = {recursive, std::make_shared<Changed>(std::move(changed))};
    counter_.CountWrite();
    return {};
  }

  void Remove(const std::string& directory) override {
    if (!Take(directory)) return;
    const std::lock_guard lock(mutex_);
    counter_.CountWrite();
  }

  void Run(std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    woken_.wait(lock, stop, [] { return false; });
  }

  /// The entry at `path` changed. The number of those who were told.
  int Ring(const std::string& path) {
    const std::string directory = path.substr(0, path.rfind('/'));
    return Tell(path, [&](const std::string& asked, bool recursive) {
      return directory == asked || (recursive && directory.starts_with(asked + "/"));
    });
  }
  /// The directory is gone: whoever watched it, or something below, is told so and watches nothing any more.
  void RingGone(const std::string& directory) {
    const auto is_in = [&directory](const std::string& asked) {
      return asked == directory || asked.starts_with(directory + "/");
    };
    std::vector<std::string> gone;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [asked, how] : asked_) {
        if (is_in(asked)) gone.push_back(asked);
      }
    }
    for (const std::string& one : gone) {
      Tell(one, [&one](const std::string& asked, bool) { return asked == one; });
      const std::lock_guard lock(mutex_);
      asked_.erase(one);
    }
  }
  bool IsWatched(const std::string& directory) const {
    const std::lock_guard lock(mutex_);
    return asked_.contains(directory);
  }

  void FailNth(int n, api::Error error) {
    const std::lock_guard lock(mutex_);
    counter_.FailNth(n, std::move(error));
  }
  int writes() const {
    const std::lock_guard lock(mutex_);
    return counter_.writes();
  }

 private:
  using ChangedRef = std::shared_ptr<Changed>;  // Shared with a call that is going on.
  struct Asked {
    bool recursive = false;
    ChangedRef changed{};
  };

  static std::string WithoutFinalSlash(std::string directory) {
    while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
    return directory;
  }

  /// Ends what was asked for, and waits for a call of it that another thread is in. False when nobody asked.
  bool Take(const std::string& directory) {
    std::unique_lock lock(mutex_);
    const auto entry = asked_.find(WithoutFinalSlash(directory));
    if (entry == asked_.end()) return false;
    const ChangedRef changed = entry->second.changed;
    asked_.erase(entry);
    const auto is_elsewhere = [&changed](const auto& call) {
      return call.first == changed && call.second != std::this_thread::get_id();
    };
    woken_.wait(lock, [&] { return std::none_of(calls_.begin(), calls_.end(), is_elsewhere); });
    return true;
  }

  /// Calls those who asked for a directory that `is_meant`, one after the other, as long as they still ask.
  template <class IsMeant>
  int Tell(const std::string& path, const IsMeant& is_meant) {
    std::vector<std::pair<std::string, ChangedRef>> meant;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [asked, how] : asked_) {
        if (is_meant(asked, how.recursive)) meant.emplace_back(asked, how.changed);
      }
    }
    int told = 0;
    for (const auto& [asked, changed] : meant) {
      const std::pair call{changed, std::this_thread::get_id()};
      {
        const std::lock_guard lock(mutex_);
        const auto entry = asked_.find(asked);
        if (entry == asked_.end() || entry->second.changed != changed) continue;
        calls_.push_back(call);
      }
      (*changed)(path);
      ++told;
      {
        const std::lock_guard lock(mutex_);
        calls_.erase(std::find(calls_.begin(), calls_.end(), call));
      }
      woken_.notify_all();
    }
    return told;
  }

  mutable std::mutex mutex_;
  std::condition_variable_any woken_;  // A call has ended, or Run is to stop.
  // Guarded by mutex_.
  CallCounter counter_;
  std::map<std::string, Asked> asked_;
  std::vector<std::pair<ChangedRef, std::thread::id>> calls_;
};

}  // namespace tests
