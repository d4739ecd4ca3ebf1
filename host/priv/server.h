#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <stop_token>
#include <sys/types.h>

#include "api/meta/expected.h"
#include "host/linux/files.h"
#include "host/priv/hints.h"
#include "host/priv/verbs.h"

namespace host::priv {

struct ServerOptions {
  uid_t caller = 0;  ///< Who may ask. Nobody else, root neither.
  /// Each has a thread, and one request at a time: above herod's workers. More wait to be accepted.
  std::size_t connections_max = 64;
};

/// Answers requests, a connection a thread. A connection that sends what is no request is ended at once; one that is
/// closed by its caller ends what it asked for.
class Server {
 public:
  /// `verbs` and `hints` outlive us.
  Server(Verbs& verbs, Hints& hints, ServerOptions options);
  ~Server();

  /// Serves until stop, then ends what is under way. Blocks. Errors: kUnavailable (the listener is none).
  api::Expected<void> Run(const linux::Fd& listener, const std::stop_token& stop);

 private:
  struct Connection;

  void Accept(const linux::Fd& listener);
  void Serve(Connection& connection);
  void Reap(bool is_end);

  Verbs& verbs_;
  Hints& hints_;
  const ServerOptions options_;
  // Used by Run's thread alone.
  linux::Fd bell_;  // Rung by stop and by connections that are over.
  linux::Fd epoll_;
  std::list<std::unique_ptr<Connection>> connections_;
};

}  // namespace host::priv
