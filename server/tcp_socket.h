#pragma once

#include <cstdint>
#include <string>
#include <sys/socket.h>

#include "api/meta/expected.h"

namespace server {

/// Where to listen: a numeric address and a port.
struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  bool is_loopback = false;

  /// `127.0.0.1:7443`, `[::1]:7443`; port 0 is any free one. Names are not looked up: which of its addresses is meant
  /// is for a person to say. Errors: kInvalid.
  static api::Expected<TcpAddress> Parse(const std::string& text);
};

/// The address of a connection's other end, without its port; of an IPv6 network its first 64 bits, which one host has
/// as a whole.
std::string PeerAddressOf(const sockaddr_storage& storage);

/// A socket that listens. Owns its descriptor.
class TcpSocket {
 public:
  /// Errors: kAlreadyExists (somebody listens there), kUnavailable with the system's words.
  static api::Expected<TcpSocket> Listen(const std::string& text, const TcpAddress& address);

  TcpSocket(TcpSocket&& other) noexcept;
  TcpSocket& operator=(TcpSocket&&) = delete;
  ~TcpSocket();

  int family() const { return family_; }
  std::uint16_t port() const { return port_; }
  /// Hands the descriptor out, to be closed by its new owner.
  int Release();

 private:
  TcpSocket(int descriptor, int family) : descriptor_(descriptor), family_(family) {}

  int descriptor_ = -1;
  int family_ = 0;
  std::uint16_t port_ = 0;
};

}  // namespace server
