#include "server/pipe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <sys/uio.h>

namespace server {
namespace {

constexpr std::size_t kPartsMax = 3;  // The size, the bytes and the end of a chunk.

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

class PlainPipe final : public Pipe {
 public:
  explicit PlainPipe(int socket) : socket_(socket) {}

  Moved Handshake() override { return {}; }

  Moved Read(std::span<char> into) override {
    const ssize_t size = ::recv(socket_, into.data(), into.size(), 0);
    if (size > 0) return {.bytes = static_cast<std::size_t>(size)};
    if (size == 0) return {.state = Moved::State::kEnded};
    return {.state = WouldBlock() ? Moved::State::kNeedsRead : Moved::State::kFailed};
  }

  Moved Write(std::span<const std::string_view> parts) override {
    std::array<iovec, kPartsMax> pieces{};
    const std::size_t count = std::min(parts.size(), pieces.size());
    for (std::size_t i = 0; i < count; ++i)
      pieces[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};  // sendmsg writes nothing there.
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t size = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (size >= 0) return {.bytes = static_cast<std::size_t>(size)};
    return {.state = WouldBlock() ? Moved::State::kNeedsWrite : Moved::State::kFailed};
  }

  bool has_unread() const override { return false; }
  void EndWriting() override { ::shutdown(socket_, SHUT_WR); }

 private:
  const int socket_;
};

}  // namespace

std::unique_ptr<Pipe> MakePlainPipe(int socket) { return std::make_unique<PlainPipe>(socket); }

}  // namespace server
