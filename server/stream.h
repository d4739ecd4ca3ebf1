#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "server/pipe.h"

namespace boost::asio {
class io_context;
}

namespace server {

/// Waits for one connection's bytes: a Pipe, the reactor that says when to try again, and one deadline. Everything but
/// Post and KeepRunning is called on the connection's strand, where the functions that it is given run too, never from
/// within the call. Those keep this alive; after Close they are told kFailed.
class Stream {
 public:
  using OnMoved = std::function<void(Moved)>;
  using Parts = std::array<std::string_view, 3>;

  /// Owns `socket`, which does not block; `family` is its AF_.
  Stream(boost::asio::io_context& io, int socket, int family, std::unique_ptr<Pipe> pipe);
  ~Stream();

  /// Runs `function` on the strand. From any thread.
  void Post(std::function<void()> function);
  /// The same at once, unless something of this connection runs. On a thread of the reactor.
  void Dispatch(std::function<void()> function);
  /// While what is returned lives, the threads of the reactor do not end. From any thread.
  std::shared_ptr<void> KeepRunning();

  void Handshake(OnMoved done);
  /// Until there is something to read; takes no memory for it.
  void AwaitInput(OnMoved done);
  void Read(std::span<char> into, OnMoved done);
  /// All of it. The bytes stay where they are until `done`.
  void Write(const Parts& parts, OnMoved done);
  /// What goes without waiting, and takes it off `parts`: true when that is all. The rest, and a failure, is Write's.
  bool WriteSome(Parts& parts);

  /// Calls `late` once, unless set anew before or cleared. One at a time.
  void SetDeadline(std::chrono::milliseconds wait, std::function<void()> late);
  void ClearDeadline();

  /// What is waited for ends with kFailed.
  void CancelWaits();
  void EndWriting();
  void Close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
