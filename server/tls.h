#pragma once

#include <memory>
#include <string>

#include "api/meta/expected.h"
#include "api/meta/secret.h"
#include "server/pipe.h"

namespace server {

/// A certificate with its key, as the server's end of TLS 1.2 and above shows it. Thread-safe.
class TlsIdentity {
 public:
  /// `certificates` is PEM, the server's own first; `key` is its PEM key. Errors: kInvalid, saying which of the two is
  /// wrong; never a byte of the key.
  static api::Expected<std::shared_ptr<const TlsIdentity>> Make(const std::string& certificates,
                                                                const api::Secret& key);
  ~TlsIdentity();

  /// The server's end on a socket that does not block. May outlive this.
  std::unique_ptr<Pipe> Wrap(int socket) const;

 private:
  struct Impl;
  explicit TlsIdentity(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
