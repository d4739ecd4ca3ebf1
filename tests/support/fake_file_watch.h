#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "host/file_watch.h"
#include "tests/support/call_counter.h"

namespace tests {

/// A watch that a test rings by hand. Hints come from the test's thread, in Ring, not from Run. Thread-safe.
class FakeFileWatch final : public host::FileWatch {
 public:
  api::Expected<void> Add(const std::string& directory, bool recursive, Changed changed) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    asked_[directory] = {recursive, std::make_shared<Changed>(std::move(changed))};
    counter_.CountWrite();
    return {};
  }

  void Remove(const std::string& directory) override {
    const std::lock_guard lock(mutex_);
    if (asked_.erase(directory) > 0) counter_.CountWrite();
  }

  void Run(std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    stopped_.wait(lock, stop, [] { return false; });
  }

  /// The entry at `path` changed. The number of those who were told.
  int Ring(const std::string& path) {
    const std::string directory = path.substr(0, path.rfind('/'));
    std::vector<std::shared_ptr<Changed>> told;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [asked, how] : asked_) {
        if (directory == asked || (how.recursive && directory.starts_with(asked + "/"))) told.push_back(how.changed);
      }
    }
    for (const auto& changed : told) (*changed)(path);
    return static_cast<int>(told.size());
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
  struct Asked {
    bool recursive = false;
    std::shared_ptr<Changed> changed{};  // Shared with a Ring that is going on.
  };

  mutable std::mutex mutex_;
  std::condition_variable_any stopped_;
  // Guarded by mutex_.
  CallCounter counter_;
  std::map<std::string, Asked> asked_;
};

}  // namespace tests
