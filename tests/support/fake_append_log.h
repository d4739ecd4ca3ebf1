#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "host/append_log.h"

namespace tests {

/// Lines in memory. Thread-safe.
class FakeAppendLog final : public host::AppendLog {
 public:
  api::Expected<void> Append(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
    return {};
  }

  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;  // Guarded by mutex_.
};

}  // namespace tests
