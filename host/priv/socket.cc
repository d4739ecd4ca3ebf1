#include "host/priv/socket.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/priv/packet.h"

namespace host::priv {

namespace {

using linux::Fd;
using linux::SystemError;

constexpr int kBacklog = 64;
constexpr timeval kPatience{.tv_sec = 10, .tv_usec = 0};  // As long as taking the lock of the account files may take.
constexpr std::size_t kDescriptorsMax = 4;  // No verb takes more than one; the kernel closes what does not fit here.
constexpr std::size_t kControlBytes = CMSG_SPACE(kDescriptorsMax * sizeof(int));

/// Control data of a message, aligned as the kernel wants it.
struct Control {
  alignas(cmsghdr) std::array<char, kControlBytes> bytes{};
};

std::optional<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

api::Error BadPath(const std::string& path) {
  return {api::Code::kInvalid, "SocketPath", "\"" + path + "\" cannot be a socket: it has no or too many bytes"};
}

Fd NewSocket() { return Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)); }

bool IsGone(int error_number) { return error_number == ECONNRESET || error_number == EPIPE; }

/// One message with what comes beside it.
ssize_t SendMessage(int socket, std::string_view bytes, int descriptor, int flags) {
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control;
  if (descriptor >= 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(sizeof descriptor);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    if (sent >= 0 || errno != EINTR) return sent;
  }
}

/// Takes what a message brought: from here on it is closed by whoever drops it.
std::vector<Fd> DescriptorsOf(msghdr& message) {
  std::vector<Fd> descriptors;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof descriptor, sizeof descriptor);
      descriptors.emplace_back(descriptor);
    }
  }
  return descriptors;
}

}  // namespace

api::Expected<Fd> Listen(const std::string& path) {
  const auto address = AddressOf(path);
  if (!address) return BadPath(path);
  Fd socket = NewSocket();
  if (!socket) return SystemError("make a socket", errno);
  ::unlink(path.c_str());
  // Before listen: until then every connection is refused, so the mode of the umask never lets anybody in.
  if (::bind(socket.get(), Generic(*address), sizeof *address) != 0 || ::chmod(path.c_str(), 0600) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return SystemError("listen at " + path, errno);
  }
  return socket;
}

api::Expected<Fd> Connect(const std::string& path) {
  const auto address = AddressOf(path);
  if (!address) return BadPath(path);
  Fd socket = NewSocket();
  if (!socket) return SystemError("make a socket", errno);
  // For connect too, which waits while herod-priv has no room.
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience) != 0)
    return SystemError("set up a socket", errno);
  if (::connect(socket.get(), Generic(*address), sizeof *address) == 0) return socket;
  return api::Error{api::Code::kUnavailable, "NoPriv",
                    SystemError("reach herod-priv at " + path, errno).message +
                        "; see systemctl status herod-priv.socket herod-priv.service"};
}

api::Expected<void> Send(int socket, std::string_view bytes, int descriptor) {
  if (SendMessage(socket, bytes, descriptor, 0) >= 0) return {};
  return api::Error{api::Code::kUnavailable, IsGone(errno) ? "PrivGone" : "HostUnavailable",
                    SystemError("send a packet", errno).message};
}

bool TrySend(int socket, std::string_view bytes) { return SendMessage(socket, bytes, -1, MSG_DONTWAIT) >= 0; }

api::Expected<std::optional<Packet>> Receive(int socket) {
  Packet packet;
  packet.bytes.resize(kPacketBytesMax);
  iovec part{.iov_base = packet.bytes.data(), .iov_len = packet.bytes.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && IsGone(errno)) return std::optional<Packet>();
  if (got < 0) return SystemError("receive a packet", errno);
  packet.descriptors = DescriptorsOf(message);
  packet.is_cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  // An empty packet looks like the end, and is no request either.
  if (got == 0 && packet.descriptors.empty() && !packet.is_cut) return std::optional<Packet>();
  packet.bytes.resize(static_cast<std::size_t>(got));
  return std::optional<Packet>(std::move(packet));
}

api::Expected<std::optional<Packet>> ReceiveWithin(int socket, std::chrono::milliseconds patience,
                                                   const std::stop_token& stop) {
  const Fd bell(::eventfd(0, EFD_CLOEXEC));
  if (!bell) return SystemError("make an eventfd", errno);
  const std::stop_callback ring(stop, [&bell] { ::eventfd_write(bell.get(), 1); });
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    std::array<pollfd, 2> waits{{{socket, POLLIN, 0}, {bell.get(), POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return SystemError("wait for an answer", errno);
    if (waits[0].revents != 0) return Receive(socket);
    if (waits[1].revents != 0)
      return api::Error{api::Code::kUnavailable, "Stopped", "ask herod-priv: ended because we are stopping"};
    if (ready == 0) {
      return api::Error{api::Code::kTimeout, "DeadlineExceeded",
                        "ask herod-priv: no answer within " + std::to_string(patience.count()) + " ms"};
    }
  }
}

api::Expected<uid_t> PeerUid(int socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
    return SystemError("read the peer's credentials", errno);
  return credentials.uid;
}

}  // namespace host::priv
