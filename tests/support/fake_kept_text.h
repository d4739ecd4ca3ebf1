#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "host/kept_text.h"

namespace tests {

/// A text in memory. Thread-safe, but for its fields.
class FakeKeptText final : public host::KeptText {
 public:
  api::Expected<std::string> Read() override {
    const std::lock_guard lock(mutex_);
    return text;
  }
  api::Expected<void> Replace(std::string_view replacement) override {
    const std::lock_guard lock(mutex_);
    if (failure) return *failure;
    ++writes;
    text = replacement;
    return {};
  }

  std::string text{};
  int writes = 0;
  std::optional<api::Error> failure{};  ///< What Replace says instead of doing it.

 private:
  std::mutex mutex_;
};

}  // namespace tests
