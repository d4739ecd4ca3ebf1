#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tests {

/// A client that can misbehave: bytes in, bytes out, every wait bounded. What it read stays in `seen`.
class RawClient {
 public:
  explicit RawClient(const std::string& path, int receive_buffer = 0)
      : descriptor_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    Connect(path, address);
  }
  /// To 127.0.0.1.
  explicit RawClient(std::uint16_t port) : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Connect("port " + std::to_string(port), address);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { Close(); }

  /// False when the other side took no more, or has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno != EAGAIN || !WaitFor(POLLOUT)) return false;
    }
    return true;
  }

  /// Reads until `text` has come, counting from `from`. False at the end of the stream, or when it does not come.
  bool ReadUntil(std::string_view text, std::size_t from = 0) {
    while (seen.find(text, from) == std::string::npos)
      if (!ReadSome()) return false;
    return true;
  }

  /// Reads to the end of the stream; false when the other side does not close.
  bool ReadToEnd() {
    while (ReadSome()) {
    }
    return is_ended_;
  }

  /// The status lines in what was read, joined: `200 404`.
  std::string Statuses() const {
    std::string statuses;
    for (std::size_t at = seen.find("HTTP/1.1 "); at != std::string::npos; at = seen.find("HTTP/1.1 ", at + 1))
      statuses += (statuses.empty() ? "" : " ") + seen.substr(at + 9, 3);
    return statuses;
  }

  /// Waits for the other side to close, without reading. False when it does not.
  bool WaitForHangUp() const { return WaitFor(POLLRDHUP); }

  void HalfClose() const { shutdown(descriptor_, SHUT_WR); }
  void Close() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

  std::string seen{};

 private:
  template <class Address>
  void Connect(const std::string& where, const Address& address) const {
    if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect to " + where + ": " + std::strerror(errno));
  }

  static constexpr int kPatience = 20'000;  // Milliseconds that no step of a test comes near.

  bool WaitFor(short events) const {
    pollfd polled{descriptor_, events, 0};
    return poll(&polled, 1, kPatience) == 1;
  }

  bool ReadSome() {
    char part[65536];
    if (is_ended_ || !WaitFor(POLLIN)) return false;
    const ssize_t size = recv(descriptor_, part, sizeof part, 0);
    is_ended_ = size <= 0;  // A reset is an end too.
    if (size > 0) seen.append(part, static_cast<std::size_t>(size));
    return size > 0;
  }

  int descriptor_;
  bool is_ended_ = false;
};

}  // namespace tests
