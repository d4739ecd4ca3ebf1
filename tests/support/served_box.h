#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>

#include "server/listener.h"
#include "tests/support/api_box.h"
#include "tests/support/temp_dir.h"

namespace tests {

/// A listener on a socket of its own, with a thread that runs it.
class Served {
 public:
  explicit Served(server::Service service, server::ListenerOptions options = {}) {
    options.socket_path = path();
    options.operators.daemon = ::geteuid();
    auto opened = server::Listener::Open(std::move(options), std::move(service));
    if (!opened) throw std::runtime_error(opened.error().message);
    listener_ = *std::move(opened);
    thread_ = std::jthread([this](std::stop_token stop) { listener_->Run(std::move(stop)); });
  }

  std::string path() const { return dir_ / "hero.sock"; }
  std::uint16_t tcp_port() const { return listener_->tcp_port(); }

  /// Asks it to end; Wait returns once it has.
  void RequestStop() { thread_.request_stop(); }
  void Wait() { thread_.join(); }

 private:
  TempDir dir_;
  std::unique_ptr<server::Listener> listener_;
  std::jthread thread_;  // Last: joined before the rest goes.
};

/// The sample kinds on a real socket.
struct ServedBox {
  explicit ServedBox(server::ListenerOptions options = {}, reconciler::StoreOptions store = {.path = ":memory:"})
      : api(std::move(store)),
        served({.serve = [this](const server::Request& request) { return api.surface.Serve(request); },
                .may_block = [this](const server::Request& request) { return api.surface.MayBlock(request); }},
               std::move(options)) {}

  ApiBox api;
  Served served;
};

}  // namespace tests
