#include <sys/stat.h>
#include <thread>

#include <doctest/doctest.h>

#include "api/codec/yaml.h"
#include "cmd/herod/box.h"
#include "host/linux/clock.h"
#include "tests/cmd/desk.h"
#include "tests/server/raw_client.h"
#include "tests/support/team_forge.h"
#include "tests/support/temp_dir.h"

using namespace tests;

namespace {

/// A rootless box that is served over the network.
class NetworkBox {
 public:
  explicit NetworkBox(bool is_plain) {
    config_.team.url = forge_.url();
    config_.serve.tls_address = "127.0.0.1:0";
    config_.serve.tls_names = {"box.example.org"};
    config_.serve.plain = is_plain;
    auto opened = herod::Box::Open(config_, root_ / "box");
    REQUIRE_MESSAGE(opened, opened.error().message);
    box_ = *std::move(opened);
    thread_ = std::jthread([this](std::stop_token stop) { CHECK(box_->Run(std::move(stop))); });
  }

  /// What `heroctl kubeconfig ARGUMENTS` prints.
  api::Json Kubeconfig() {
    const host::linux::SystemClock clock;
    const client::Transport transport({.socket_path = box_->paths().control_socket}, clock);
    client::WireClient client(transport);
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    heroctl::Flags flags;
    flags.command = heroctl::Command::kKubeconfig;
    const int code = heroctl::Run({.client = client, .clock = clock, .in = in, .out = out, .err = err}, flags);
    REQUIRE_MESSAGE(code == 0, err.str());
    const auto documents = api::codec::ParseYaml(out.str(), "kubeconfig");
    REQUIRE(documents);
    return documents->front();
  }

  std::string State() const { return box_->paths().state; }

 private:
  TempDir root_;
  TeamForge forge_{root_.MakeDirectory("forge")};
  herod::Config config_;
  std::unique_ptr<herod::Box> box_;
  std::jthread thread_;
};

std::string FieldOf(const api::Json& config, std::string_view list, std::string_view kind, std::string_view field) {
  return TextAt(*config.Find(list)->array()->front().Find(kind), {field});
}

mode_t ModeOf(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("[D-06] a box on TCP: a kubeconfig's token opens it, and nothing else does") {
  NetworkBox box(true);
  const api::Json config = box.Kubeconfig();
  CHECK(TextAt(config, {"current-context"}) == "hero");
  const std::string server = FieldOf(config, "clusters", "cluster", "server");
  REQUIRE(server.starts_with("http://box.example.org:"));
  const auto port = static_cast<std::uint16_t>(std::stoi(server.substr(server.rfind(':') + 1)));
  const auto ask = [&](const std::string& headers) {
    RawClient client(port);
    REQUIRE(client.Send("GET /apis/hero.dev/v1/teams HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers + "\r\n"));
    CHECK(client.ReadToEnd());
    return client.Statuses();
  };
  CHECK(ask("Authorization: Bearer " + FieldOf(config, "users", "user", "token") + "\r\n") == "200");
  CHECK(ask("") == "401");
  CHECK(ask("Authorization: Bearer hero_0123456789abcdef_0\r\n") == "401");
  CHECK(ModeOf(box.State() + "/tokens.json") == 0600);
}

TEST_CASE("[D-06] a box with TLS makes its certificates, and the kubeconfig trusts them") {
  NetworkBox box(false);
  const api::Json config = box.Kubeconfig();
  CHECK(FieldOf(config, "clusters", "cluster", "server").starts_with("https://box.example.org:"));
  const auto authority = api::codec::DecodeBase64(FieldOf(config, "clusters", "cluster", "certificate-authority-data"));
  REQUIRE(authority);
  CHECK(authority->starts_with("-----BEGIN CERTIFICATE-----\n"));
  CHECK(ModeOf(box.State() + "/tls/ca.key") == 0600);
  CHECK(ModeOf(box.State() + "/tls/server.key") == 0600);
}

TEST_CASE("[CTL] token: made, listed, revoked; a member's own alone") {
  Desk desk;
  CHECK(desk.Type({"token", "list"}) == 0);
  CHECK(desk.err == "No tokens.\n");
  REQUIRE(desk.Type({"token", "create", "--user", "jo", "--ttl", "2h"}) == 0);
  const std::string token = desk.out;
  CHECK(token.starts_with("hero_"));
  CHECK(desk.err.find(" of jo (member), until 2026-11-20T22:58:51Z; it is not shown again\n") != std::string::npos);
  CHECK(desk.Type({"token", "list"}) == 0);
  const std::string id = token.substr(5, 16);
  CHECK(desk.out.starts_with("ID                 USER   ROLE     MADE BY"));
  CHECK(desk.out.find(id) != std::string::npos);
  CHECK(desk.out.find(token.substr(22, 64)) == std::string::npos);
  CHECK(desk.Type({"token", "revoke", id}) == 0);
  CHECK(desk.out == "token " + id + " revoked\n");
  CHECK(desk.Type({"token", "revoke", id}) == 1);
  CHECK(desk.err.find("not found") != std::string::npos);
  CHECK(desk.Type({"token", "create", "--ttl", "2161h"}) == 1);
  CHECK(desk.Type({"token"}) == 1);
}
