#include <csignal>
#include <cstdio>
#include <stop_token>
#include <thread>
#include <unistd.h>

#include "cmd/herod/box.h"
#include "cmd/herod/config.h"
#include "cmd/herod/flags.h"
#include "host/linux/log.h"
#include "host/log.h"

namespace {

int Fail(const api::Error& error) {
  std::fprintf(stderr, "herod: %s\n", error.message.c_str());
  return 1;
}

/// SIGINT and SIGTERM as a stop request. Blocked in every thread, taken by one.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // A reader that left is an error of its write, not the end of the daemon.
  return signals;
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto flags = herod::ParseFlags(argc, argv, exit_code);
  if (!flags) return exit_code;
  const sigset_t signals = BlockStopSignals();
  host::log::SetSink(host::linux::MakeStderrSink(host::log::Level::kInfo));

  if (flags->root.empty())
    return Fail({.message = "this version keeps rootless boxes only: give --root DIR, the directory to keep one in"});
  auto config = herod::ReadConfig(flags->config);
  if (!config) return Fail(config.error());
  auto box = herod::Box::Open(*config, flags->root, flags->is_observe_only);
  if (!box) return Fail(box.error());

  std::stop_source stop;
  std::jthread signal_thread([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    host::log::Info("stopping", {{"signal", std::to_string(signal)}});
    stop.request_stop();
  });
  host::log::Info("serving", {{"socket", (*box)->paths().control_socket}});
  auto ran = (*box)->Run(stop.get_token());
  if (!stop.stop_requested()) kill(getpid(), SIGTERM);  // For the thread that waits for it: everybody else blocks it.
  return ran ? 0 : Fail(ran.error());
}
