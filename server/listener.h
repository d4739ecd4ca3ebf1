#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "server/http.h"
#include "server/tls.h"

namespace server {

/// What a request over the network shows of who asks.
struct Proof {
  std::string_view authorization{};  ///< The header; empty when there is none, or more than one.
  std::string_view address{};        ///< Of the other end, without its port.
};

/// What a listener asks about each request. All functions are thread-safe and outlive the listener's Run.
struct Service {
  std::function<Response(const Request&)> serve{};
  std::function<bool(const Request&)> may_block{};  ///< True: `serve` may wait, so a worker runs it.
  /// Who asks over the network. Never waits. Needed where TCP is served. The error becomes the answer.
  std::function<api::Expected<Caller>(const Proof&)> identify{};
};

/// A listener on TCP, beside the control socket.
struct TcpOptions {
  std::string address{};  ///< `127.0.0.1:7443`; empty: none.
  /// What is shown to a new connection. Called for each, so that a renewed certificate needs no restart; thread-safe.
  /// Null: no TLS, on a loopback address alone.
  std::function<std::shared_ptr<const TlsIdentity>()> identity{};

  std::size_t connections_max = 2048;         ///< Of those who have shown a token.
  std::size_t unknown_max = 512;              ///< Of those who have not: the oldest gives way to the next.
  std::size_t unknown_per_address_max = 128;  ///< A port scanner's; 4 MiB with what TLS and a head take.
  std::chrono::milliseconds handshake_max{std::chrono::seconds(10)};  ///< From connecting to the first head.
};

struct ListenerOptions {
  std::string socket_path{};
  Operators operators{};  ///< Who may do all, on the control socket.
  TcpOptions tcp{};
  int io_threads = 1;  ///< Read, parse, answer reads; one fills a core with 40 000 small requests a second.
  int workers = 8;     ///< Requests that wait for the disk at once: they share its commits.

  std::size_t header_bytes_max = 32u << 10;  ///< Go's clients send under 1 KiB; a long label selector may come on top.
  std::size_t body_bytes_max = 3u << 20;     ///< Kubernetes' limit.
  std::size_t connections_max = 2048;        ///< On the control socket: 1 000 watchers and as much again.
  std::size_t connections_per_user_max = 128;  ///< Of one member; with their bodies 384 MiB. Operators: no limit.
  std::size_t waiting_per_user_max = 256;      ///< Requests of one user that wait for a worker.

  std::chrono::milliseconds early_max{std::chrono::seconds(3)};     ///< For a version to come; as Kubernetes.
  std::chrono::milliseconds idle_max{std::chrono::minutes(3)};      ///< Between requests; as Kubernetes.
  std::chrono::milliseconds request_max{std::chrono::seconds(30)};  ///< From a request's first byte to its last.
  std::chrono::milliseconds write_max{std::chrono::seconds(30)};    ///< For 1 MiB of an answer, or a chunk of a stream.
  std::chrono::milliseconds linger_max{std::chrono::seconds(2)};    ///< For the other side to read a last answer.
  std::chrono::milliseconds drain_max{std::chrono::seconds(5)};     ///< For what is under way when we stop.
};

/// Serves HTTP/1.1 on a unix socket, and on TCP when that is asked for. Every wait has a deadline, every size a limit,
/// and who breaks one gets a real answer (400, 408, 413, 429, 431) before the connection ends. A stream holds one chunk
/// in memory and ends when its reader has gone or stands still.
class Listener {
 public:
  /// Binds the sockets; connections wait until Run. Errors: as UnixSocket::Listen and TcpSocket::Listen; kInvalid for
  /// what is no address, and for plain TCP that others than this machine could reach.
  static api::Expected<std::unique_ptr<Listener>> Open(ListenerOptions options, Service service);
  /// Not while Run runs. Removes the socket.
  ~Listener();

  /// Serves until `stop`, then lets what is under way end within `drain_max`: streams get their last chunk, idle
  /// connections are closed. Blocks; starts its threads and joins them. Once per listener.
  void Run(std::stop_token stop);

  /// The port of TCP; 0 when none is served.
  std::uint16_t tcp_port() const;

 private:
  class Impl;
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
