#pragma once

#include <string>

namespace tests {

/// A certificate authority that nobody trusts, and one server certificate of it. PEM.
struct ThrowawayCa {
  std::string ca_certificate{};
  std::string certificate{};
  std::string key{};
};

/// For a server of that host name alone. Valid for a day.
ThrowawayCa MakeThrowawayCa(const std::string& host);

}  // namespace tests
