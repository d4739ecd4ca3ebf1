#pragma once

#include <optional>
#include <utility>

#include "api/meta/expected.h"

namespace tests {

/// What every fake has: how often it was called, how often it wrote, and one call that fails. Not thread-safe: a fake
/// guards it with its own mutex.
class CallCounter {
 public:
  /// Makes the nth call from now (1 is the next) fail with `error`, before it did anything. One at a time.
  void FailNth(int n, api::Error error) {
    fail_at_ = calls_ + n;
    error_ = std::move(error);
  }

  /// Counts a call; the error that it has to return, if any.
  std::optional<api::Error> Call() {
    if (++calls_ != fail_at_) return std::nullopt;
    return error_;
  }
  void CountWrite() { ++writes_; }

  int calls() const { return calls_; }
  int writes() const { return writes_; }

 private:
  int calls_ = 0;
  int writes_ = 0;
  int fail_at_ = 0;
  api::Error error_{};
};

}  // namespace tests
