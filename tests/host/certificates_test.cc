#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/openssl/certificate_files.h"
#include "tests/support/fake_clock.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

using namespace host::openssl;
using namespace tests;

namespace {

using Days = std::chrono::duration<int, std::ratio<86400>>;

const std::vector<std::string> kNames{"127.0.0.1", "::1", "box.example.org"};

struct Desk {
  FakeClock clock{};
  TempDir dir{};

  ServerIdentity Ensure(std::vector<std::string> names = kNames) const {
    auto made = CertificateFiles(dir / "tls", "a box", std::move(names), clock).Ensure();
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }
  mode_t ModeOf(const std::string& name) const {
    struct stat status {};
    return ::stat((dir / "tls/" + name).c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }
};

}  // namespace

TEST_CASE("[D-06] certificates: made once, for every name, and used again") {
  Desk desk;
  const ServerIdentity first = desk.Ensure();
  CHECK(Fits(first.server, first.authority, kNames));
  CHECK_FALSE(Fits(first.server, first.authority, {"10.0.0.1"}));
  CHECK_FALSE(Fits(first.server, first.authority, {"example.org"}));
  CHECK(desk.ModeOf("ca.key") == 0600);
  CHECK(desk.ModeOf("server.key") == 0600);
  CHECK(desk.ModeOf("ca.crt") == 0644);
  const ServerIdentity second = desk.Ensure();
  CHECK(second.server.certificate == first.server.certificate);
  CHECK(second.server.key == first.server.key);
  CHECK(second.authority == first.authority);
}

TEST_CASE("[D-06] certificates: the server's is renewed in time and the authority stays, until its own time comes") {
  Desk desk;
  const ServerIdentity first = desk.Ensure();
  CHECK(first.renew_at == std::chrono::floor<std::chrono::seconds>(desk.clock.Now()) + Days(335));
  desk.clock.Advance(Days(334));
  CHECK(desk.Ensure().server.certificate == first.server.certificate);
  desk.clock.Advance(Days(2));
  const ServerIdentity second = desk.Ensure();
  CHECK(second.server.certificate != first.server.certificate);
  CHECK(second.authority == first.authority);
  CHECK(Fits(second.server, first.authority, kNames));
  desk.clock.Advance(Days(3650 - 336 - 29));
  const ServerIdentity last = desk.Ensure();
  CHECK(last.authority != first.authority);
  CHECK(Fits(last.server, last.authority, kNames));
}

TEST_CASE("[D-06] certificates: another name, a lost or foreign file, and a clock that was wrong make a new one") {
  Desk desk;
  const ServerIdentity first = desk.Ensure();
  const ServerIdentity renamed = desk.Ensure({"127.0.0.1", "other.example.org"});
  CHECK(renamed.server.certificate != first.server.certificate);
  CHECK(renamed.authority == first.authority);

  desk.dir.Write("tls/server.key", "no key");
  CHECK(desk.Ensure().server.certificate != renamed.server.certificate);
  desk.dir.Write("tls/ca.crt", desk.Ensure().server.certificate);  // Of another key.
  const ServerIdentity mended = desk.Ensure();
  CHECK(mended.authority != first.authority);
  CHECK(Fits(mended.server, mended.authority, kNames));

  desk.clock.SetWall(desk.clock.Now() - Days(365));
  const ServerIdentity earlier = desk.Ensure();
  CHECK(earlier.authority != mended.authority);
  CHECK(Fits(earlier.server, earlier.authority, kNames));
}

TEST_CASE("[D-06][SEC-46] certificates: a full disk leaves no half of one, and says which file") {
  Desk desk;
  const ServerIdentity before = desk.Ensure();
  const auto fill = [&](rlim_t bytes) {
    const FileSizeLimit full(bytes);
    const auto made = CertificateFiles(desk.dir / "tls", "a box", kNames, desk.clock).Ensure();
    REQUIRE_FALSE(made);
    CHECK(made.error().code == api::Code::kUnavailable);
    return made.error().message;
  };
  desk.clock.Advance(Days(336));
  CHECK(fill(100).find("server.key") != std::string::npos);
  CHECK(fill(300).find("server.crt") != std::string::npos);  // A key of P-256 has 241 bytes.
  for (const auto& entry : std::filesystem::directory_iterator(desk.dir / "tls")) {
    const std::string name = entry.path().filename();
    CHECK_MESSAGE((name.ends_with(".key") || name.ends_with(".crt")), name);
  }
  const ServerIdentity after = desk.Ensure();  // The key without its certificate is a broken pair, and made anew.
  CHECK(after.server.certificate != before.server.certificate);
  CHECK(after.authority == before.authority);
  CHECK(Fits(after.server, after.authority, kNames));
}

TEST_CASE("[D-06] certificates: what is no name gets none") {
  for (const char* const name : {"127.0.0.1", "::1", "box", "a.b-c.example"}) CHECK(IsServerName(name));
  for (const char* const name : {"", "-a", ".a", "a b", "a,DNS:b", "a\n", "ä", "a/b", "*"}) {
    CAPTURE(name);
    CHECK_FALSE(IsServerName(name));
    Desk desk;
    const auto made = CertificateFiles(desk.dir / "tls", "a box", {name}, desk.clock).Ensure();
    REQUIRE_FALSE(made);
    CHECK(made.error().code == api::Code::kInvalid);
  }
}

TEST_CASE("[SEC-44] certificates: a configured key that others can read is refused") {
  Desk desk;
  desk.Ensure();
  const std::string certificate = desk.dir / "tls/server.crt";
  const std::string key = desk.dir / "tls/server.key";
  CHECK(ReadIdentity(certificate, key));
  REQUIRE(::chmod(key.c_str(), 0640) == 0);
  const auto open = ReadIdentity(certificate, key);
  REQUIRE_FALSE(open);
  CHECK(open.error().code == api::Code::kForbidden);
  CHECK(open.error().message.find("chmod 600") != std::string::npos);
  CHECK(ReadIdentity(desk.dir / "absent.crt", key).error().code == api::Code::kForbidden);
}
