#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "api/meta/expected.h"
#include "server/http.h"

namespace server {

/// What a listener asks about each request. Both functions are thread-safe and outlive the listener's Run.
struct Service {
  std::function<Response(const Request&)> serve{};
  std::function<bool(const Request&)> may_block{};  ///< True: `serve` may wait, so a worker runs it.
};

struct ListenerOptions {
  std::string socket_path{};
  Operators operators{};  ///< Who may do all.
  int io_threads = 1;     ///< Read, parse, answer reads; one fills a core with 40 000 small requests a second.
  int workers = 8;        ///< Requests that wait for the disk at once: they share its commits.

  std::size_t header_bytes_max = 32u << 10;  ///< Go's clients send under 1 KiB; a long label selector may come on top.
  std::size_t body_bytes_max = 3u << 20;     ///< Kubernetes' limit.
  std::size_t connections_max = 2048;        ///< 1 000 watchers and as much again.
  std::size_t connections_per_user_max = 128;  ///< Of one member; with their bodies 384 MiB. Operators: no limit.

  std::chrono::milliseconds idle_max{std::chrono::minutes(3)};      ///< Between requests; as Kubernetes.
  std::chrono::milliseconds request_max{std::chrono::seconds(30)};  ///< From a request's first byte to its last.
  std::chrono::milliseconds write_max{std::chrono::seconds(30)};    ///< For 1 MiB of an answer, or a chunk of a stream.
  std::chrono::milliseconds linger_max{std::chrono::seconds(2)};    ///< For the other side to read a last answer.
  std::chrono::milliseconds drain_max{std::chrono::seconds(5)};     ///< For what is under way when we stop.
};

/// Serves HTTP/1.1 on a unix socket. Every wait has a deadline, every size a limit, and who breaks one gets a real
/// answer (400, 408, 413, 429, 431) before the connection ends. A stream holds one chunk in memory and ends when its
/// reader has gone or stands still.
class Listener {
 public:
  /// Binds the socket; connections wait until Run. Errors: as UnixSocket::Listen.
  static api::Expected<std::unique_ptr<Listener>> Open(ListenerOptions options, Service service);
  /// Not while Run runs. Removes the socket.
  ~Listener();

  /// Serves until `stop`, then lets what is under way end within `drain_max`: streams get their last chunk, idle
  /// connections are closed. Blocks; starts its threads and joins them. Once per listener.
  void Run(std::stop_token stop);

 private:
  class Impl;
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
