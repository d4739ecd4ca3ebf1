#pragma once

#include <functional>
#include <signal.h>
#include <stop_token>
#include <thread>

namespace host::linux {

/// SIGINT and SIGTERM as a stop request. Made in main before there are threads: all of them block these signals then,
/// and one of ours takes them. SIGPIPE is ignored: a reader that left is an error of its write.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  /// Starts to wait for them; `stopping` is called once, from that thread, before stop is asked for. Call once.
  void Watch(std::function<void()> stopping);

  std::stop_token Token() const { return stop_.get_token(); }

 private:
  sigset_t signals_{};
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace host::linux
