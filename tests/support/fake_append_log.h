#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "host/append_log.h"
#include "tests/support/call_counter.h"

namespace tests {

/// Lines in memory. Thread-safe.
class FakeAppendLog final : public host::AppendLog {
 public:
  api::Expected<void> Append(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    lines_.emplace_back(line);
    return {};
  }

  api::Expected<host::LogEnd> End(std::size_t bytes_max) override {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const std::string& line : lines_) text += line + "\n";
    const std::size_t size = std::min(bytes_max, text.size());
    return host::LogEnd{.size = text.size(), .tail = text.substr(text.size() - size)};
  }

  void FailNth(int n, api::Error error) {
    const std::lock_guard lock(mutex_);
    counter_.FailNth(n, std::move(error));
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  CallCounter counter_;
  std::vector<std::string> lines_;
};

}  // namespace tests
