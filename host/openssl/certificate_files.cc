#include "host/openssl/certificate_files.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>

#include "host/linux/files.h"

namespace host::openssl {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr std::size_t kFileMax = 64u << 10;   // A chain of ten certificates has 20 KiB.
constexpr std::chrono::hours kClockSlack{1};  // Of clients whose clock is behind.
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

}  // namespace

Validity CertificateFiles::From(std::chrono::hours life) const {
  return {.from = clock_.Now() - kClockSlack, .until = clock_.Now() + life};
}

/// Also false from a time before it: a machine whose clock was wrong when it was made.
bool CertificateFiles::IsFresh(const std::string& certificate) const {
  const auto validity = ValidityOf(certificate);
  return validity && validity->from <= clock_.Now() && clock_.Now() + kRenewBefore < validity->until;
}

/// Empty texts for what is not there.
Identity CertificateFiles::Load(const std::string& stem) const {
  const std::string path = directory_ + "/" + stem;
  return {.certificate = linux::ReadFile(path + ".crt", kFileMax).value_or(""),
          .key = api::Secret(linux::ReadFile(path + ".key", kFileMax).value_or(""))};
}

/// The key first: a certificate without its key would be taken for a broken pair, and is made anew.
Expected<void> CertificateFiles::Store(const std::string& stem, const Identity& identity) const {
  const std::string path = directory_ + "/" + stem;
  if (auto key = linux::ReplaceFile(path + ".key", identity.key.Reveal(), 0600); !key) return key;
  return linux::ReplaceFile(path + ".crt", identity.certificate, 0644);
}

Expected<Identity> CertificateFiles::EnsureAuthority() const {
  Identity have = Load("ca");
  if (IsFresh(have.certificate) && Fits(have, have.certificate, {})) return have;
  auto made = MakeAuthority(name_, From(kAuthorityLife));
  if (!made) return made;
  if (auto stored = Store("ca", *made); !stored) return stored.error();
  return made;
}

Expected<ServerIdentity> CertificateFiles::Ensure() const {
  if (auto directory = linux::MakeDirectories(directory_, 0700); !directory) return directory.error();
  const auto authority = EnsureAuthority();
  if (!authority) return authority.error();
  Identity server = Load("server");
  if (!IsFresh(server.certificate) || !Fits(server, authority->certificate, names_)) {
    auto made = MakeServerIdentity(*authority, names_, From(kServerLife));
    if (!made) return made.error();
    if (auto stored = Store("server", *made); !stored) return stored.error();
    server = *std::move(made);
  }
  const auto ends = ValidityOf(server.certificate);
  const auto authority_ends = ValidityOf(authority->certificate);
  if (!ends || !authority_ends) return Error{Code::kInternal, "CertificateFailed", "an own certificate cannot be read"};
  return ServerIdentity{.server = std::move(server),
                        .authority = authority->certificate,
                        .renew_at = std::min(ends->until, authority_ends->until) - kRenewBefore};
}

Expected<Identity> ReadIdentity(const std::string& certificate, const std::string& key) {
  struct stat status {};
  if (::stat(key.c_str(), &status) == 0 && (status.st_mode & kOthers) != 0)
    return Error{Code::kForbidden, "KeyIsOpen",
                 "others may read the key " + key + ": run chmod 600 " + key + ", and think of making a new one"};
  auto text = linux::ReadFile(certificate, kFileMax);
  if (!text) return text.error();
  auto secret = linux::ReadFile(key, kFileMax);
  if (!secret) return secret.error();
  return Identity{.certificate = *std::move(text), .key = api::Secret(*std::move(secret))};
}

}  // namespace host::openssl
