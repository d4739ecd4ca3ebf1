#include "server/tls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* owned) const {
    kFree(owned);
  }
};
using Ssl = std::unique_ptr<SSL, Freed<SSL_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

constexpr std::size_t kRecordBytes = 16u << 10;  // What one record of TLS holds.
constexpr std::array<unsigned char, 9> kHttp11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int SocketOf(BIO* bio) { return *static_cast<const int*>(BIO_get_data(bio)); }

int Give(BIO* bio, ssize_t size, int retry) {
  BIO_clear_retry_flags(bio);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(size);
}

/// OpenSSL's own end of a socket writes in a way that ends a process whose reader has gone.
const BIO_METHOD* SocketMethod() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "quiet socket");
    BIO_meth_set_write(made, [](BIO* bio, const char* bytes, int size) {
      return Give(bio, ::send(SocketOf(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL), BIO_FLAGS_WRITE);
    });
    BIO_meth_set_read(made, [](BIO* bio, char* bytes, int size) {
      return Give(bio, ::recv(SocketOf(bio), bytes, static_cast<std::size_t>(size), 0), BIO_FLAGS_READ);
    });
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH ? 1 : 0; });
    return made;
  }();
  return kMethod;
}

class TlsPipe final : public Pipe {
 public:
  TlsPipe(Ssl ssl, Bio bio, int socket) : ssl_(std::move(ssl)), socket_(socket) {
    BIO_set_data(bio.get(), &socket_);
    BIO_set_init(bio.get(), 1);
    BIO* const both = bio.release();
    SSL_set_bio(ssl_.get(), both, both);
    SSL_set_accept_state(ssl_.get());
  }

  Moved Handshake() override {
    return Outcome(Call([&] { return SSL_do_handshake(ssl_.get()); }), 0);
  }

  Moved Read(std::span<char> into) override {
    std::size_t size = 0;
    const int result = Call([&] { return SSL_read_ex(ssl_.get(), into.data(), into.size(), &size); });
    return Outcome(result, size);
  }

  /// Gathers what fits into one record: three small parts would be three records, each a packet of its own.
  Moved Write(std::span<const std::string_view> parts) override {
    std::array<char, kRecordBytes> record;
    std::size_t gathered = 0;
    for (const std::string_view part : parts) gathered += part.copy(record.data() + gathered, record.size() - gathered);
    if (gathered == 0) return {};
    std::size_t size = 0;
    const int result = Call([&] { return SSL_write_ex(ssl_.get(), record.data(), gathered, &size); });
    return Outcome(result, size);
  }

  bool has_unread() const override { return SSL_has_pending(ssl_.get()) == 1; }

  void EndWriting() override {
    if (!is_broken_) Call([&] { return SSL_shutdown(ssl_.get()); });
    ::shutdown(socket_, SHUT_WR);
  }

 private:
  template <class Function>
  int Call(const Function& function) {
    ERR_clear_error();  // What another connection of this thread left would be taken for ours.
    errno = 0;
    const int result = function();
    error_ = result > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
    return result;
  }

  Moved Outcome(int result, std::size_t size) {
    if (result > 0) return {.bytes = size};
    if (error_ == SSL_ERROR_WANT_READ) return {.state = Moved::State::kNeedsRead};
    if (error_ == SSL_ERROR_WANT_WRITE) return {.state = Moved::State::kNeedsWrite};
    if (error_ == SSL_ERROR_ZERO_RETURN) return {.state = Moved::State::kEnded};
    is_broken_ = true;  // OpenSSL forbids every further call, SSL_shutdown too.
    return {.state = Moved::State::kFailed};
  }

  Ssl ssl_;
  int socket_;  // Its BIO looks here.
  int error_ = SSL_ERROR_NONE;
  bool is_broken_ = false;
};

/// Takes HTTP/1.1 from a client that offers it. One that offers only others is refused by TLS' own word for it.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                   unsigned int offered_size, void*) {
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kHttp11.data(), kHttp11.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

Bio Reader(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

/// A key behind a passphrase is none: nobody is here who could type it.
int NoPassphrase(char*, int, int, void*) { return -1; }

Error Wrong(std::string what) { return {Code::kInvalid, "InvalidCertificate", std::move(what)}; }

}  // namespace

struct TlsIdentity::Impl {
  Context context{SSL_CTX_new(TLS_server_method())};
};

TlsIdentity::TlsIdentity(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsIdentity::~TlsIdentity() = default;

Expected<std::shared_ptr<const TlsIdentity>> TlsIdentity::Make(const std::string& certificates,
                                                               const api::Secret& key) {
  auto impl = std::make_unique<Impl>();
  SSL_CTX* const context = impl->context.get();
  if (!context) return Error{Code::kUnavailable, "TlsFailed", "TLS cannot be set up"};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection holds no buffers. A write that has to wait is repeated from another place in memory.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);

  const Bio chain = Reader(certificates);
  const Certificate own(PEM_read_bio_X509(chain.get(), nullptr, NoPassphrase, nullptr));
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return Wrong("the certificate is no PEM certificate");
  while (Certificate next{PEM_read_bio_X509(chain.get(), nullptr, NoPassphrase, nullptr)})
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) return Wrong("a certificate of the chain cannot be used");
  const Bio key_text = Reader(key.Reveal());
  const Key private_key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, NoPassphrase, nullptr));
  if (!private_key) return Wrong("the key is no PEM key without a passphrase");
  if (SSL_CTX_use_PrivateKey(context, private_key.get()) != 1) return Wrong("the key is not that of the certificate");
  return std::shared_ptr<const TlsIdentity>(new TlsIdentity(std::move(impl)));
}

std::unique_ptr<Pipe> TlsIdentity::Wrap(int socket) const {
  Ssl ssl(SSL_new(impl_->context.get()));
  Bio bio(BIO_new(SocketMethod()));
  if (!ssl || !bio) return nullptr;
  return std::make_unique<TlsPipe>(std::move(ssl), std::move(bio), socket);
}

}  // namespace server
