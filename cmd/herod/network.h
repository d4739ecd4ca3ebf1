#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "api/meta/expected.h"
#include "cmd/config/config.h"
#include "host/clock.h"
#include "host/entropy.h"
#include "host/openssl/certificate_files.h"
#include "reconciler/audit.h"
#include "reconciler/client.h"
#include "server/access.h"
#include "server/listener.h"

namespace herod {

/// Who of the members may log in: by their User objects. `client` outlives it.
server::MemberLookup MembersOf(const reconciler::Client& client);

/// What a box needs to be reached over the network: its certificate, the tokens, and where it is. Thread-safe.
class Network {
 public:
  /// What the parts outlive.
  struct Seams {
    const host::Clock& clock;
    host::Entropy& entropy;
    reconciler::Audit& audit;
    server::MemberLookup member{};
    server::Operators operators{};
  };

  /// `state` is the directory of the daemon's state, `name` the machine's. Of a section that serves TCP. Errors: those
  /// of the certificate and the tokens.
  static api::Expected<std::unique_ptr<Network>> Open(const ServeSection& serve, const std::string& state,
                                                      const std::string& name, Seams seams);
  ~Network();

  server::TcpOptions options();
  server::Access access();
  api::Expected<server::Caller> Identify(const server::Proof& proof);
  /// Once it is known where we listen; before anybody asks.
  void SetPort(std::uint16_t port);

 private:
  struct Parts;
  explicit Network(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace herod
