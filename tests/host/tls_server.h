#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tests/host/throwaway_ca.h"

namespace tests {

struct ServedRequest {
  std::string method{};
  std::string target{};
  std::map<std::string, std::string> headers{};  ///< Names in lower case.
  std::string body{};
};

/// What a server sends, byte for byte, before it closes the connection.
struct RawAnswer {
  enum class Then {
    kClose,
    kStaySilent,  ///< Until the client has gone.
    kDrip,        ///< One more blank every few milliseconds, until the client has gone.
    kFlood,       ///< More and more, until the client has gone.
  };

  std::string bytes{};
  Then then = Then::kClose;
};

/// `HTTP/1.1 200 …` with a length, these headers (each with its line's end) and that body.
RawAnswer Answer(int status, const std::string& body = "", const std::string& headers = "");

/// A real server on the loopback, one request a connection, each in a thread. What it does is the test's to say.
class TlsServer {
 public:
  using Handler = std::function<RawAnswer(const ServedRequest&)>;  ///< Called from several threads.

  TlsServer(const ThrowawayCa& ca, Handler handler);
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  /// Cuts what is open, and waits for its threads.
  ~TlsServer();

  int port() const;
  std::string origin() const { return "https://localhost:" + std::to_string(port()); }
  /// Connections that were accepted, those without a request too.
  int connections() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tests
