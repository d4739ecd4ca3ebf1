#include "host/linux/stop_signals.h"

#include <pthread.h>
#include <string>
#include <utility>

#include "host/log.h"

namespace host::linux {

StopSignals::StopSignals() {
  ::sigemptyset(&signals_);
  ::sigaddset(&signals_, SIGINT);
  ::sigaddset(&signals_, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

StopSignals::~StopSignals() {
  // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): it waits for that signal, and nothing else gets it.
  if (thread_.joinable()) ::pthread_kill(thread_.native_handle(), SIGTERM);
}

void StopSignals::Watch(std::function<void()> stopping) {
  thread_ = std::jthread([this, stopping = std::move(stopping)] {
    int signal = 0;
    ::sigwait(&signals_, &signal);
    log::Info("stopping", {{"signal", std::to_string(signal)}});
    stopping();
    stop_.request_stop();
  });
}

}  // namespace host::linux
