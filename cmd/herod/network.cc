#include "cmd/herod/network.h"

#include <algorithm>
#include <array>
#include <climits>
#include <unistd.h>
#include <utility>

#include "api/codec/text.h"
#include "api/v1/user.h"
#include "host/linux/kept_text.h"
#include "host/log.h"
#include "reconciler/typed.h"
#include "server/authenticator.h"

namespace herod {
namespace {

using api::Expected;
using host::openssl::CertificateFiles;

constexpr std::chrono::minutes kLookAgain{1};  // At a configured certificate, which somebody else renews.

/// `127.0.0.1` of `127.0.0.1:7443`, `::1` of `[::1]:7443`.
std::string HostOf(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

bool IsEverywhere(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

std::string MachineName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// By what clients may ask for us. The configured names come first, for one of them may be the certificate's own.
std::vector<std::string> NamesOf(const ServeSection& serve) {
  std::vector<std::string> names = serve.tls_names;
  const std::string host = HostOf(serve.tls_address.value_or(""));
  for (const std::string& name : {std::string("127.0.0.1"), std::string("::1"), MachineName(), host})
    if (host::openssl::IsServerName(name) && !IsEverywhere(name) &&
        std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  return names;
}

/// The certificate that is shown now: our own, renewed when its time comes, or a configured one, read again when it
/// may have changed. Thread-safe.
class Certificate {
 public:
  Certificate(const ServeSection& serve, const std::string& state, const std::string& name, const host::Clock& clock)
      : serve_(serve), files_(state + "/tls", "Hero Team Box " + name, NamesOf(serve), clock), clock_(clock) {}

  /// Errors: as CertificateFiles::Ensure, ReadIdentity and TlsIdentity::Make; the one that was shown stays.
  Expected<void> Load() {
    const std::lock_guard lock(mutex_);
    return LoadLocked();
  }

  std::shared_ptr<const server::TlsIdentity> Now() {
    const std::lock_guard lock(mutex_);
    if (clock_.Now() >= look_again_)
      if (auto loaded = LoadLocked(); !loaded)
        host::log::Warning("the certificate cannot be renewed, the old one is shown",
                           {{"error", loaded.error().message}});
    return shown_;
  }

  std::string authority() {
    const std::lock_guard lock(mutex_);
    return authority_;
  }

 private:
  Expected<void> LoadLocked() {
    look_again_ = clock_.Now() + kLookAgain;
    host::openssl::Identity identity;
    if (serve_.tls_certificate.empty()) {
      auto own = files_.Ensure();
      if (!own) return own.error();
      look_again_ = std::max(look_again_, own->renew_at);
      authority_ = std::move(own->authority);
      identity = std::move(own->server);
    } else {
      auto kept = host::openssl::ReadIdentity(serve_.tls_certificate, serve_.tls_key);
      if (!kept) return kept.error();
      identity = *std::move(kept);
    }
    if (shown_ && identity.certificate == certificate_) return {};
    auto made = server::TlsIdentity::Make(identity.certificate, identity.key);
    if (!made) return made.error();
    shown_ = *std::move(made);
    certificate_ = std::move(identity.certificate);
    return {};
  }

  const ServeSection serve_;
  const CertificateFiles files_;
  const host::Clock& clock_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<const server::TlsIdentity> shown_;
  std::string certificate_;
  std::string authority_;
  api::Time look_again_{};
};

}  // namespace

server::MemberLookup MembersOf(const reconciler::Client& client) {
  return [&client](std::string_view name) -> std::optional<std::string> {
    const auto user = reconciler::Get<api::v1::User>(client, api::codec::ObjectNameOf(name));
    if (!user || user->spec.name != name || user->spec.deactivated || user->metadata.is_deleting()) return std::nullopt;
    return user->metadata.uid.value;
  };
}

struct Network::Parts {
  Parts(const ServeSection& section, const std::string& state, const std::string& name, Seams all)
      : serve(section),
        seams(std::move(all)),
        certificate(section, state, name, seams.clock),
        kept(state + "/tokens.json"),
        refusals(seams.audit, seams.clock) {}

  const ServeSection serve;
  const Seams seams;
  Certificate certificate;
  host::linux::KeptFile kept;
  server::Refusals refusals;
  std::unique_ptr<server::Tokens> tokens;
  std::unique_ptr<server::Authenticator> authenticator;
  std::uint16_t port = 0;
};

Network::Network(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Network::~Network() = default;

Expected<std::unique_ptr<Network>> Network::Open(const ServeSection& serve, const std::string& state,
                                                 const std::string& name, Seams seams) {
  auto parts = std::make_unique<Parts>(serve, state, name, std::move(seams));
  if (!serve.plain)
    if (auto loaded = parts->certificate.Load(); !loaded) return loaded.error();
  auto tokens = server::Tokens::Open(parts->kept, parts->seams.clock, parts->seams.entropy);
  if (!tokens) return tokens.error();
  parts->tokens = *std::move(tokens);
  parts->authenticator = std::make_unique<server::Authenticator>(
      *parts->tokens, parts->seams.operators, parts->seams.member, parts->refusals, parts->seams.clock);
  return std::unique_ptr<Network>(new Network(std::move(parts)));
}

server::TcpOptions Network::options() {
  server::TcpOptions options{.address = parts_->serve.tls_address.value_or("")};
  if (!parts_->serve.plain) options.identity = [&certificate = parts_->certificate] { return certificate.Now(); };
  return options;
}

server::Access Network::access() {
  return {.member = parts_->seams.member, .tokens = parts_->tokens.get(), .endpoint = [&parts = *parts_] {
            const std::vector<std::string>& names = parts.serve.tls_names;
            std::string host = HostOf(*parts.serve.tls_address);
            if (!names.empty()) host = names.front();
            if (IsEverywhere(host)) host = "127.0.0.1";
            if (host.find(':') != std::string::npos) host = "[" + host + "]";
            return server::Endpoint{
                .server = (parts.serve.plain ? "http://" : "https://") + host + ":" + std::to_string(parts.port),
                .authority = parts.serve.plain ? "" : parts.certificate.authority()};
          }};
}

Expected<server::Caller> Network::Identify(const server::Proof& proof) {
  return parts_->authenticator->Identify(proof);
}

void Network::SetPort(std::uint16_t port) { parts_->port = port; }

}  // namespace herod
