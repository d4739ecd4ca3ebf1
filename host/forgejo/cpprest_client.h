#pragma once

#include <memory>
#include <string>

#include "host/clock.h"
#include "host/forgejo/http_client.h"

namespace host::forgejo {

/// HttpClient by cpprestsdk, whose own habits (docs/adr/0012) it keeps away: no redirects, a deadline over all, bounded
/// answers, a new connection for each exchange so that no request meets one that the server is closing.
class CppRestClient final : public HttpClient {
 public:
  /// `origin` is `https://host[:port]`. `ca_file` names further certificates to trust, in PEM; empty: the machine's
  /// alone.
  CppRestClient(std::string origin, std::string ca_file, const Clock& clock);
  ~CppRestClient() override;

  api::Expected<HttpAnswer> Send(const HttpRequest& request, const HttpLimits& limits, std::stop_token stop) override;

 private:
  class Gate;
  struct Exchange;

  const std::string origin_;
  const std::string ca_file_;
  const Clock& clock_;                // Thread-safe; outlives us.
  const std::shared_ptr<Gate> gate_;  // Shared with exchanges that we gave up and that have not ended yet.
};

}  // namespace host::forgejo
