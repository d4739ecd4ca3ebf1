#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "api/meta/expected.h"
#include "host/clock.h"
#include "host/openssl/certificates.h"

namespace host::openssl {

/// What a server shows and what its clients have to trust for that.
struct ServerIdentity {
  Identity server{};
  std::string authority{};  ///< PEM.
  api::Time renew_at{};     ///< From then on ask again.
};

/// Keeps an authority and a server's certificate in a directory of ours: `ca.crt`, `ca.key`, `server.crt`,
/// `server.key`, the keys of mode 0600. Made when they are absent, made anew before they expire, when the names change
/// and when they do not fit each other; else used again, so that clients go on trusting what they trust. Not
/// thread-safe.
class CertificateFiles {
 public:
  static constexpr std::chrono::hours kAuthorityLife{24 * 3650};
  static constexpr std::chrono::hours kServerLife{24 * 365};
  static constexpr std::chrono::hours kRenewBefore{24 * 30};  ///< A machine that is off for a month still serves.

  /// `name` is the authority's, for people. `clock` outlives this.
  CertificateFiles(std::string directory, std::string name, std::vector<std::string> names, const Clock& clock)
      : directory_(std::move(directory)), name_(std::move(name)), names_(std::move(names)), clock_(clock) {}

  /// Errors: kUnavailable (the directory), kInvalid (a name that is none).
  api::Expected<ServerIdentity> Ensure() const;

 private:
  api::Expected<Identity> EnsureAuthority() const;
  Identity Load(const std::string& stem) const;
  api::Expected<void> Store(const std::string& stem, const Identity& identity) const;
  bool IsFresh(const std::string& certificate) const;
  Validity From(std::chrono::hours life) const;

  const std::string directory_;
  const std::string name_;
  const std::vector<std::string> names_;
  const Clock& clock_;
};

/// A certificate and key that somebody else keeps. `authority` is empty for one that clients trust anyway. Errors:
/// kUnavailable, kNotFound; kForbidden for a key that others can read.
api::Expected<Identity> ReadIdentity(const std::string& certificate, const std::string& key);

}  // namespace host::openssl
