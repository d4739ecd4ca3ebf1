#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tests {

/// A client over TLS that trusts one authority. Every wait is bounded. What it read stays in `seen`.
class TlsClient {
 public:
  struct Options {
    std::string protocols = "http/1.1";  ///< One of ALPN; empty: does not offer any.
    bool is_old = false;                 ///< Speaks TLS 1.1 at most.
    bool is_slow = false;                ///< With a small receive buffer.
  };

  /// Connects to 127.0.0.1, and checks that the certificate is for that.
  TlsClient(std::uint16_t port, const std::string& authority, const Options& options);
  TlsClient(std::uint16_t port, const std::string& authority) : TlsClient(port, authority, Options{}) {}
  ~TlsClient();

  /// Whether the handshake came to an end that both sides like.
  bool is_connected() const;
  /// `TLSv1.3 http/1.1`
  std::string Spoken() const;

  bool Send(std::string_view bytes);
  bool ReadUntil(std::string_view text, std::size_t from = 0);
  /// To the end of the stream, which the other side has to announce.
  bool ReadToEnd();

  std::string seen{};

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tests
