#include "server/tcp_socket.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr int kBacklog = 1024;  // As of the control socket.

Error SystemError(const std::string& what, const std::string& address) {
  const bool is_taken = errno == EADDRINUSE;
  return {is_taken ? Code::kAlreadyExists : Code::kUnavailable, is_taken ? "AddressTaken" : "SocketFailed",
          what + " " + address + ": " + std::error_code(errno, std::generic_category()).message()};
}

sockaddr* Generic(sockaddr_storage& storage) { return reinterpret_cast<sockaddr*>(&storage); }
const sockaddr* Generic(const sockaddr_storage& storage) { return reinterpret_cast<const sockaddr*>(&storage); }

template <class Address>
void Put(TcpAddress& into, const Address& address) {
  std::memcpy(&into.storage, &address, sizeof address);
  into.size = sizeof address;
}

template <class Address>
Address Read(const sockaddr_storage& storage) {
  Address address{};
  std::memcpy(&address, &storage, sizeof address);
  return address;
}

std::string Text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, address, text.data(), text.size()) ? text.data() : "";
}

}  // namespace

Expected<TcpAddress> TcpAddress::Parse(const std::string& text) {
  const Error wrong{Code::kInvalid, "InvalidAddress",
                    "\"" + text + "\" is no address and port, such as 127.0.0.1:7443 or [::1]:7443"};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong;
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end) return wrong;
  std::string host = text.substr(0, colon);
  TcpAddress address;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    if (::inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) != 1) return wrong;
    address.is_loopback = IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
    Put(address, six);
    return address;
  }
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &four.sin_addr) != 1) return wrong;
  address.is_loopback = (ntohl(four.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  Put(address, four);
  return address;
}

std::string PeerAddressOf(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto four = Read<sockaddr_in>(storage);
    return Text(AF_INET, &four.sin_addr);
  }
  auto six = Read<sockaddr_in6>(storage);
  if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) return Text(AF_INET, &six.sin6_addr.s6_addr[12]);
  if (IN6_IS_ADDR_LOOPBACK(&six.sin6_addr)) return "::1";
  std::memset(&six.sin6_addr.s6_addr[8], 0, 8);
  return Text(AF_INET6, &six.sin6_addr) + "/64";
}

Expected<TcpSocket> TcpSocket::Listen(const std::string& text, const TcpAddress& address) {
  const int family = address.storage.ss_family;
  TcpSocket made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), family);
  if (made.descriptor_ < 0) return SystemError("cannot make a socket for", text);
  const int on = 1;
  // A restart finds connections of its predecessor in TIME_WAIT; who still listens is refused all the same.
  ::setsockopt(made.descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(made.descriptor_, Generic(address.storage), address.size) != 0) {
    Error error = SystemError("cannot bind", text);
    if (error.reason == "AddressTaken")
      error.message +=
          "; another herod or program listens there (ss -ltnp names it): stop it, or choose another "
          "[serve].tls_address";
    return error;
  }
  if (::listen(made.descriptor_, kBacklog) != 0) return SystemError("cannot listen at", text);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(made.descriptor_, Generic(bound), &size) != 0) return SystemError("cannot look at", text);
  // The port stands at one place in both families.
  made.port_ = ntohs(Read<sockaddr_in>(bound).sin_port);
  return made;
}

TcpSocket::TcpSocket(TcpSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), family_(other.family_), port_(other.port_) {}

TcpSocket::~TcpSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int TcpSocket::Release() { return std::exchange(descriptor_, -1); }

}  // namespace server
