#pragma once

#include <charconv>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <vector>

#include "host/linux/files.h"

namespace bench {

/// A connected unix socket that gives up after a minute. Throws std::runtime_error.
inline host::linux::Fd ConnectTo(const std::string& path) {
  host::linux::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long for a socket: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect to " + path + ": " + std::strerror(errno));
  return socket;
}

inline std::string RequestOf(const std::string& method, const std::string& target, const std::string& type = "",
                             const std::string& body = "") {
  std::string request = method + " " + target + " HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n";
  if (!type.empty()) request += "Content-Type: " + type + "\r\n";
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return request + "\r\n" + body;
}

struct Answer {
  int status = 0;
  std::string body{};     ///< Its first mebibyte.
  std::size_t bytes = 0;  ///< All of it.
};

/// A client that reads as fast as it can: it keeps what it needs, and counts the rest. One request at a time.
class WireConnection {
 public:
  explicit WireConnection(const std::string& socket_path) : socket_(ConnectTo(socket_path)), buffer_(kBufferBytes) {}

  void Send(std::string_view request) const {
    while (!request.empty()) {
      const ssize_t sent = ::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error(std::string("cannot send: ") + std::strerror(errno));
      request.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// Returns with the last byte.
  Answer Read() {
    std::string head = ReadLine();
    Answer answer;
    if (head.size() > 12) answer.status = std::stoi(head.substr(9, 3));
    std::size_t length = 0;
    bool is_chunked = false;
    for (std::string line = ReadLine(); !line.empty(); line = ReadLine()) {
      if (line.starts_with("Content-Length: ")) length = std::stoul(line.substr(16));
      is_chunked = is_chunked || line == "Transfer-Encoding: chunked";
    }
    if (!is_chunked) Take(length, answer);
    while (is_chunked) {
      const std::size_t size = std::stoul(ReadLine(), nullptr, 16);
      Take(size, answer);
      ReadLine();
      if (size == 0) break;
    }
    return answer;
  }

  Answer Ask(const std::string& request) {
    Send(request);
    return Read();
  }

  /// The answer's body. Throws when its status is another one.
  std::string Expect(int status, const std::string& request) {
    Answer answer = Ask(request);
    if (answer.status != status)
      throw std::runtime_error("answered " + std::to_string(answer.status) + ": " + answer.body.substr(0, 300));
    return std::move(answer.body);
  }

  int descriptor() const { return socket_.get(); }

 private:
  static constexpr std::size_t kBufferBytes = 256u << 10;  // More than a unix socket holds.
  static constexpr std::size_t kKeptBytes = 1u << 20;

  void Fill() {
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (size <= 0) throw std::runtime_error("the server closed, or said nothing for a minute");
    unread_ = {buffer_.data(), static_cast<std::size_t>(size)};
  }

  std::string ReadLine() {
    std::string line;
    for (;;) {
      if (unread_.empty()) Fill();
      const std::size_t end = unread_.find('\n');
      line.append(unread_.substr(0, end));
      unread_.remove_prefix(end == std::string_view::npos ? unread_.size() : end + 1);
      if (end == std::string_view::npos) continue;
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
  }

  void Take(std::size_t size, Answer& answer) {
    answer.bytes += size;
    while (size > 0) {
      if (unread_.empty()) Fill();
      const std::string_view part = unread_.substr(0, size);
      if (answer.body.size() < kKeptBytes) answer.body.append(part);
      unread_.remove_prefix(part.size());
      size -= part.size();
    }
  }

  host::linux::Fd socket_;
  std::vector<char> buffer_;
  std::string_view unread_{};
};

}  // namespace bench
