#include "tests/server/tls_client.h"

#include <array>
#include <csignal>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace tests {
namespace {

constexpr timeval kPatience{.tv_sec = 20, .tv_usec = 0};  // That no step of a test comes near.

template <auto kFree>
struct Freed {
  void operator()(auto* owned) const { kFree(owned); }
};

}  // namespace

struct TlsClient::Impl {
  ~Impl() {
    ssl.reset();
    if (descriptor >= 0) close(descriptor);
  }

  int descriptor = -1;
  std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, Freed<SSL_free>> ssl{};
  bool is_connected = false;
  bool is_ended = false;
};

TlsClient::TlsClient(std::uint16_t port, const std::string& authority, const Options& options)
    : impl_(std::make_unique<Impl>()) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL's own socket writes without MSG_NOSIGNAL.
  Impl& own = *impl_;
  own.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int small = 4096;
  if (options.is_slow) setsockopt(own.descriptor, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  setsockopt(own.descriptor, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  setsockopt(own.descriptor, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(own.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));

  const std::unique_ptr<BIO, Freed<BIO_free>> text(
      BIO_new_mem_buf(authority.data(), static_cast<int>(authority.size())));
  const std::unique_ptr<X509, Freed<X509_free>> trusted(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  X509_STORE_add_cert(SSL_CTX_get_cert_store(own.context.get()), trusted.get());
  SSL_CTX_set_verify(own.context.get(), SSL_VERIFY_PEER, nullptr);
  if (options.is_old) {
    SSL_CTX_set_min_proto_version(own.context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(own.context.get(), TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(own.context.get(), "ALL:@SECLEVEL=0");
  }
  own.ssl.reset(SSL_new(own.context.get()));
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(own.ssl.get()), "127.0.0.1");
  if (!options.protocols.empty()) {
    const std::string offer = static_cast<char>(options.protocols.size()) + options.protocols;
    SSL_set_alpn_protos(own.ssl.get(), reinterpret_cast<const unsigned char*>(offer.data()),
                        static_cast<unsigned>(offer.size()));
  }
  SSL_set_fd(own.ssl.get(), own.descriptor);
  own.is_connected = SSL_connect(own.ssl.get()) == 1;
}

TlsClient::~TlsClient() = default;

bool TlsClient::is_connected() const { return impl_->is_connected; }

std::string TlsClient::Spoken() const {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(impl_->ssl.get(), &protocol, &size);
  return SSL_get_version(impl_->ssl.get()) + std::string(" ") +
         (size > 0 ? std::string(reinterpret_cast<const char*>(protocol), size) : "");
}

bool TlsClient::Send(std::string_view bytes) {
  return SSL_write(impl_->ssl.get(), bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
}

bool TlsClient::ReadUntil(std::string_view text, std::size_t from) {
  std::array<char, 16384> part{};
  while (seen.find(text, from) == std::string::npos) {
    const int size = SSL_read(impl_->ssl.get(), part.data(), static_cast<int>(part.size()));
    if (size <= 0) impl_->is_ended = SSL_get_error(impl_->ssl.get(), size) == SSL_ERROR_ZERO_RETURN;
    if (size <= 0) return false;
    seen.append(part.data(), static_cast<std::size_t>(size));
  }
  return true;
}

bool TlsClient::ReadToEnd() {
  while (ReadUntil("\n", seen.size())) {
  }
  return impl_->is_ended;
}

}  // namespace tests
