#include "tests/host/tls_server.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <list>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "api/meta/words.h"
#include "host/linux/files.h"

namespace tests {
namespace {

using host::linux::Fd;

template <auto Free>
struct Deleter {
  void operator()(auto* p) const noexcept { Free(p); }
};
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Deleter<SSL_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

void Require(bool is_good) {
  if (!is_good) throw std::runtime_error("the test's server cannot start");
}

Context MakeContext(const ThrowawayCa& ca) {
  Context context(SSL_CTX_new(TLS_server_method()));
  const Memory certificate(BIO_new_mem_buf(ca.certificate.data(), static_cast<int>(ca.certificate.size())));
  const Memory key(BIO_new_mem_buf(ca.key.data(), static_cast<int>(ca.key.size())));
  const std::unique_ptr<X509, Deleter<X509_free>> x509(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  const std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> private_key(
      PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  Require(context && SSL_CTX_use_certificate(context.get(), x509.get()) == 1 &&
          SSL_CTX_use_PrivateKey(context.get(), private_key.get()) == 1);
  return context;
}

ServedRequest ParseHead(const std::string& head) {
  ServedRequest request;
  request.method = head.substr(0, head.find(' '));
  const std::size_t target = request.method.size() + 1;
  request.target = head.substr(target, head.find(' ', target) - target);
  for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
    const std::size_t end = std::min(head.find("\r\n", at), head.size());
    const std::string line = head.substr(at, end - at);
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::size_t value = std::min(line.find_first_not_of(": ", colon), line.size());
    request.headers[api::LowerCase(line.substr(0, colon))] = line.substr(value);
    at = end + 2;
  }
  return request;
}

/// The whole request; an empty method when the client left before.
ServedRequest ReadRequest(SSL* session) {
  std::string text;
  std::array<char, 16384> buffer{};
  std::size_t body_at = std::string::npos;
  for (ServedRequest request;;) {
    const std::size_t head_end = body_at == std::string::npos ? text.find("\r\n\r\n") : std::string::npos;
    if (head_end != std::string::npos) {
      request = ParseHead(text.substr(0, head_end));
      body_at = head_end + 4;
    }
    if (body_at != std::string::npos) {
      const auto length = request.headers.find("content-length");
      const std::size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
      if (text.size() >= body_at + size) {
        request.body = text.substr(body_at, size);
        return request;
      }
    }
    const int got = SSL_read(session, buffer.data(), static_cast<int>(buffer.size()));
    if (got <= 0) return {};
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

bool Write(SSL* session, const std::string& bytes) {
  return bytes.empty() || SSL_write(session, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

/// Waits until the client has gone, at most so long. True: it has.
bool HasGone(int socket, int milliseconds) {
  pollfd wait{socket, POLLIN | POLLRDHUP, 0};
  return ::poll(&wait, 1, milliseconds) != 0;  // It has nothing more to say but that it goes.
}

}  // namespace

RawAnswer Answer(int status, const std::string& body, const std::string& headers) {
  return {.bytes = "HTTP/1.1 " + std::to_string(status) + " Said\r\nContent-Type: application/json;charset=utf-8\r\n" +
                   "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" +
                   body};
}

struct TlsServer::Parts {
  Context context;
  Handler handler;
  Fd listener;
  int port = 0;

  std::mutex mutex;
  // Guarded by mutex.
  bool is_ending = false;
  int accepted = 0;
  std::list<int> open;
  std::list<std::jthread> connections;

  std::jthread acceptor;  // The last: it uses all of the above.

  void Serve(int accepted_socket) {
    const Fd socket(accepted_socket);
    {
      const Session session(SSL_new(context.get()));
      SSL_set_fd(session.get(), socket.get());
      if (SSL_accept(session.get()) == 1) {
        const ServedRequest request = ReadRequest(session.get());
        if (!request.method.empty()) Send(session.get(), socket.get(), handler(request));
      }
    }
    const std::lock_guard lock(mutex);
    open.remove(socket.get());
  }

  static void Send(SSL* session, int socket, const RawAnswer& answer) {
    using Then = RawAnswer::Then;
    if (!Write(session, answer.bytes)) return;
    const std::string more(64u << 10, ' ');
    switch (answer.then) {
      case Then::kClose:
        SSL_shutdown(session);
        return;
      case Then::kStaySilent:
        HasGone(socket, -1);
        return;
      case Then::kDrip:
        while (!HasGone(socket, 5) && Write(session, " ")) {
        }
        return;
      case Then::kFlood:
        while (!HasGone(socket, 0) && Write(session, more)) {
        }
        return;
    }
  }

  void Accept() {
    for (;;) {
      const int socket = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex);
      if (socket < 0 || is_ending) {
        if (socket >= 0) ::close(socket);
        return;
      }
      ++accepted;
      open.push_back(socket);
      connections.emplace_back([this, socket] { Serve(socket); });
    }
  }
};

TlsServer::TlsServer(const ThrowawayCa& ca, Handler handler) : parts_(std::make_unique<Parts>()) {
  std::signal(SIGPIPE, SIG_IGN);  // A client that left is an error of a write.
  parts_->context = MakeContext(ca);
  parts_->handler = std::move(handler);
  parts_->listener = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  Require(::bind(parts_->listener.get(), generic, size) == 0 && ::listen(parts_->listener.get(), 64) == 0 &&
          ::getsockname(parts_->listener.get(), generic, &size) == 0);
  parts_->port = ntohs(address.sin_port);
  parts_->acceptor = std::jthread([parts = parts_.get()] { parts->Accept(); });
}

TlsServer::~TlsServer() {
  {
    const std::lock_guard lock(parts_->mutex);
    parts_->is_ending = true;
    ::shutdown(parts_->listener.get(), SHUT_RDWR);
    for (const int socket : parts_->open) ::shutdown(socket, SHUT_RDWR);
  }
  parts_->acceptor.join();
  parts_->connections.clear();  // Joins. Nobody adds to it any more.
}

int TlsServer::port() const { return parts_->port; }

int TlsServer::connections() const {
  const std::lock_guard lock(parts_->mutex);
  return parts_->accepted;
}

}  // namespace tests
