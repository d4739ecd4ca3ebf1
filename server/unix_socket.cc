#include "server/unix_socket.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr mode_t kMode = 0660;  // The group may connect: /run/hero/hero.sock belongs to `hero`.
constexpr int kBacklog = 1024;  // As many as connect at once after a restart; the kernel bounds it by somaxconn.

Error SystemError(const std::string& what, const std::string& path) {
  return {Code::kUnavailable, "SocketFailed",
          what + " " + path + ": " + std::error_code(errno, std::generic_category()).message()};
}

int NewSocket(int flags = 0) { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0); }

std::optional<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

/// Removes a socket that nobody answers on.
Expected<void> RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return SystemError("cannot look at", path);
  }
  if (!S_ISSOCK(status.st_mode)) return Error{Code::kAlreadyExists, "SocketTaken", path + " is there and is no socket"};
  const int probe = NewSocket(SOCK_NONBLOCK);  // A live daemon with a full backlog would block us.
  if (probe < 0) return SystemError("cannot make a socket for", path);
  const bool is_live = connect(probe, Generic(address), sizeof address) == 0 || errno != ECONNREFUSED;
  close(probe);
  if (is_live) return Error{Code::kAlreadyExists, "SocketTaken", "another daemon listens at " + path};
  if (unlink(path.c_str()) != 0) return SystemError("cannot remove the stale socket", path);
  return {};
}

}  // namespace

UnixSocket::UnixSocket(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0) inode_ = status.st_ino;
}

UnixSocket::UnixSocket(UnixSocket&& other) noexcept
    : path_(std::exchange(other.path_, {})), descriptor_(std::exchange(other.descriptor_, -1)), inode_(other.inode_) {}

UnixSocket::~UnixSocket() {
  if (descriptor_ >= 0) close(descriptor_);
  struct stat status {};
  if (!path_.empty() && lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_) unlink(path_.c_str());
}

int UnixSocket::Release() { return std::exchange(descriptor_, -1); }

Expected<UnixSocket> UnixSocket::Listen(const std::string& path) {
  const auto address = AddressOf(path);
  if (!address)
    return Error{Code::kInvalid, "SocketPath",
                 "\"" + path + "\" cannot be a socket: its path must have 1 to " +
                     std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes"};
  if (auto removed = RemoveStale(path, *address); !removed) return removed.error();
  const int descriptor = NewSocket();
  if (descriptor < 0) return SystemError("cannot make a socket for", path);
  if (bind(descriptor, Generic(*address), sizeof *address) != 0) {
    Error error = SystemError("cannot bind", path);
    close(descriptor);
    return error;
  }
  UnixSocket bound(path, descriptor);
  // Before listen: until then every connection is refused, so the mode of the umask never lets anybody in.
  if (chmod(path.c_str(), kMode) != 0) return SystemError("cannot set the mode of", path);
  if (listen(descriptor, kBacklog) != 0) return SystemError("cannot listen at", path);
  return bound;
}

Expected<Peer> PeerOf(int descriptor) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
    return SystemError("cannot read", "the peer's credentials");
  return Peer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

}  // namespace server
