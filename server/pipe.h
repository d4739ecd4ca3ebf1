#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

/// The bytes of one connection, by calls that never wait.
namespace server {

/// What one attempt came to.
struct Moved {
  enum class State {
    kDone,
    kNeedsRead,   ///< Try again once the socket can be read,
    kNeedsWrite,  ///< or written.
    kEnded,       ///< The other side has said that nothing more follows.
    kFailed,
  };

  State state = State::kDone;
  std::size_t bytes = 0;  ///< More than none of a Read or Write that is done.

  bool is_done() const { return state == State::kDone; }
  bool must_wait() const { return state == State::kNeedsRead || state == State::kNeedsWrite; }
};

/// Used by one thread at a time, and not after its socket was closed, which it does not own.
class Pipe {
 public:
  virtual ~Pipe() = default;

  /// Before all else, until it is done.
  virtual Moved Handshake() = 0;
  virtual Moved Read(std::span<char> into) = 0;
  /// Of all parts the first bytes, as many as go. An attempt that had to wait is repeated with the same bytes.
  virtual Moved Write(std::span<const std::string_view> parts) = 0;
  /// Whether Read has something to give although the socket has not.
  virtual bool has_unread() const = 0;
  /// Says that nothing more follows, if that goes without waiting.
  virtual void EndWriting() = 0;
};

/// The bytes as they are. The socket does not block.
std::unique_ptr<Pipe> MakePlainPipe(int socket);

}  // namespace server
