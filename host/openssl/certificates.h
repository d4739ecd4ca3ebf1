#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/secret.h"
#include "api/meta/time.h"

/// Certificates for TLS: a small authority of our own and what it signs. All text is PEM. Thread-safe.
namespace host::openssl {

/// A certificate and its key.
struct Identity {
  std::string certificate{};
  api::Secret key{};
};

struct Validity {
  api::Time from{};
  api::Time until{};
};

/// Whether a server can be asked for by that name: an IP address, or a host name of letters, digits, `-` and `.`.
bool IsServerName(std::string_view name);

/// An authority that signs itself, with a new P-256 key. `name` is shown to people. Errors: kUnavailable.
api::Expected<Identity> MakeAuthority(const std::string& name, const Validity& validity);

/// A server's certificate for all these names. Errors: kInvalid (no names, or one that is none), kUnavailable.
api::Expected<Identity> MakeServerIdentity(const Identity& authority, const std::vector<std::string>& names,
                                           const Validity& validity);

/// When the first certificate of the text is valid. Errors: kInvalid.
api::Expected<Validity> ValidityOf(const std::string& certificate);

/// Whether the certificate was signed by that authority, is for each of the names, and the key is its own.
bool Fits(const Identity& identity, const std::string& authority, const std::vector<std::string>& names);

}  // namespace host::openssl
