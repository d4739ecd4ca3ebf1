#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "host/forgejo/forgejo_forge.h"
#include "host/linux/clock.h"
#include "tests/host/fake_forgejo.h"
#include "tests/host/throwaway_ca.h"
#include "tests/host/tls_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tests {

/// One for all tests: making keys takes its time.
inline const ThrowawayCa& SharedCa() {
  static const ThrowawayCa kCa = MakeThrowawayCa("localhost");
  return kCa;
}

/// A fake Forgejo behind a real TLS server, and the backend that talks to it.
struct ForgejoBox {
  explicit ForgejoBox(std::chrono::milliseconds deadline = std::chrono::seconds(30)) {
    WriteToken(FakeForgejo::kToken);
    auto made = host::forgejo::ForgejoForge::Create({.url = server.origin() + FakeForgejo::kRoot + "/",
                                                     .token_file = dir / "token",
                                                     .ca_file = dir.Write("ca.pem", SharedCa().ca_certificate),
                                                     .deadline = deadline},
                                                    clock);
    REQUIRE(made);
    owned = *std::move(made);
  }

  void WriteToken(const std::string& token) const {
    dir.Write("token", token + "\n");
    std::filesystem::permissions(dir / "token", std::filesystem::perms(0600));
  }

  TempDir dir;
  FakeClock clock;
  FakeForgejo forgejo;
  TlsServer server{SharedCa(), [this](const ServedRequest& request) { return forgejo.Serve(request); }};
  std::unique_ptr<host::forgejo::ForgejoForge> owned;
};

}  // namespace tests
