#pragma once

#include <string>
#include <sys/types.h>

namespace server {

/// The number of nobody's account.
inline constexpr uid_t kNoAccount = static_cast<uid_t>(-1);

/// Who asks: taken from the socket, or from the token that a request over the network shows; never from what a request
/// says of itself (design D-06, SEC-01).
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::string name{};          ///< The account's name, `uid:1234` when it has none.
  bool is_operator = false;    ///< May do all (design D-07).
  bool is_member = true;       ///< Of no matter for an operator. Neither is a visitor.
  std::string impersonator{};  ///< The operator who acts as `name`; empty when `name` asks for itself.
  std::string address{};       ///< Of the other end, over the network, where uid, gid and pid mean nothing.
  std::string from{};          ///< Where the request came from, for the audit: as PlaceOf says.

  /// Who writes, for the audit: `alice`, `alice (by root)`.
  std::string Actor() const { return impersonator.empty() ? name : name + " (by " + impersonator + ")"; }
};

/// Of whoever opened a connection, for the audit: `control socket, uid 1000, pid 4711`; `127.0.0.1, as jo`.
std::string PlaceOf(const Caller& peer);

/// The credentials that the kernel vouches for.
struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
};

/// Who is operator beside root.
struct Operators {
  uid_t daemon = 0;                  ///< The account that the daemon runs as: of a rootless box its starter.
  std::string group = "hero-admin";  ///< Its members, by the system's group database; nobody when there is none.
};

/// Reads the account's name and groups from the system.
Caller Identify(const Peer& peer, const Operators& operators);

}  // namespace server
