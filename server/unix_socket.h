#pragma once

#include <string>

#include "api/meta/expected.h"
#include "server/caller.h"

namespace server {

/// A socket that others find by its path, and the path itself: both go with this.
class UnixSocket {
 public:
  /// Listens at `path`, open to owner and group (0660). What is left of a daemon that died is replaced. Errors:
  /// kInvalid (no path for a socket), kAlreadyExists (a daemon answers there, or it is no socket), kUnavailable with
  /// the system's words.
  static api::Expected<UnixSocket> Listen(const std::string& path);

  UnixSocket(UnixSocket&& other) noexcept;
  UnixSocket& operator=(UnixSocket&&) = delete;
  ~UnixSocket();

  /// Hands the descriptor out, to be closed by its new owner.
  int Release();

 private:
  UnixSocket(std::string path, int descriptor);

  std::string path_;  ///< Empty once moved from.
  int descriptor_ = -1;
  ino_t inode_ = 0;  ///< Of our socket: a successor's path is not removed.
};

/// Who is at the other end. Errors: kUnavailable.
api::Expected<Peer> PeerOf(int descriptor);

}  // namespace server
