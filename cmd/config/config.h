#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"

namespace herod {

struct BoxSection {
  std::string name{};  ///< Empty: the machine's host name.
  std::string driver = "driver";
  std::string integrator = "your operator";

  static void Fields(auto& self, auto&& field) {
    field("name", self.name);
    field("driver", self.driver);
    field("integrator", self.integrator);
  }
};

struct TeamSection {
  std::string url{};
  std::string branch = "development";
  std::string interval = "5m";
  std::string signers{};  ///< Whose signature a head has to have, as ssh's allowed signers; empty: nobody's.

  static void Fields(auto& self, auto&& field) {
    field("url", self.url);
    field("branch", self.branch);
    field("interval", self.interval);
    field("signers", self.signers);
  }
};

struct ReposSection {
  std::optional<std::string> interval{};           ///< Default: [team].interval.
  std::optional<std::vector<std::string>> orgs{};  ///< Default: [forge].code_org.

  static void Fields(auto& self, auto&& field) {
    field("interval", self.interval);
    field("orgs", self.orgs);
  }
};

struct ForgeSection {
  std::string kind = "local";
  std::optional<std::string> url{};  ///< Default: the folder of the local forge.
  std::string token_file{};
  std::string ca_file{};  ///< Further certificates to trust, PEM. Empty: the machine's alone.
  std::string code_org = "lhumina_code";
  std::string private_org = "lhumina_code-private";

  static void Fields(auto& self, auto&& field) {
    field("kind", self.kind);
    field("url", self.url);
    field("token_file", self.token_file);
    field("ca_file", self.ca_file);
    field("code_org", self.code_org);
    field("private_org", self.private_org);
  }
};

struct AccountsSection {
  std::vector<std::string> groups{"developers", "hero"};  ///< What hero_team may assign (SEC-06).

  std::vector<std::string> adoptable{};  ///< Accounts that herod did not make and may have, on a real box.

  static void Fields(auto& self, auto&& field) {
    field("groups", self.groups);
    field("adoptable", self.adoptable);
  }
};

struct ReleasesSection {
  std::vector<std::string> trusted_keys{};
  std::int64_t keep = 10;

  static void Fields(auto& self, auto&& field) {
    field("trusted_keys", self.trusted_keys);
    field("keep", self.keep);
  }
};

struct FollowSection {
  std::string jitter = "10%";  ///< Of a poll's interval, by which polls are spread; 0% to 100%.

  static void Fields(auto& self, auto&& field) { field("jitter", self.jitter); }
};

struct ServeSection {
  std::optional<std::string> tls_address{};  ///< `127.0.0.1:7443`; absent or empty: the control socket alone.
  std::string tls_certificate{};             ///< Absolute path of PEM; empty: one of our own is made.
  std::string tls_key{};                     ///< With tls_certificate.
  std::vector<std::string> tls_names{};      ///< Host names and addresses by which clients come, beside the obvious.
  bool plain = false;                        ///< No TLS at tls_address, which is then on this machine's loopback.
  std::string web_socket = "/run/hero/web.sock";

  static void Fields(auto& self, auto&& field) {
    field("tls_address", self.tls_address);
    field("tls_certificate", self.tls_certificate);
    field("tls_key", self.tls_key);
    field("tls_names", self.tls_names);
    field("plain", self.plain);
    field("web_socket", self.web_socket);
  }
};

/// herod.toml. Sections whose part of the program does not exist yet are read and checked, so that a file that is right
/// today is right tomorrow.
struct Config {
  BoxSection box{};
  TeamSection team{};
  ReposSection repos{};
  ForgeSection forge{};
  AccountsSection accounts{};
  ReleasesSection releases{};
  FollowSection follow{};
  ServeSection serve{};

  static void Fields(auto& self, auto&& field) {
    field("box", self.box);
    field("team", self.team);
    field("repos", self.repos);
    field("forge", self.forge);
    field("accounts", self.accounts);
    field("releases", self.releases);
    field("follow", self.follow);
    field("serve", self.serve);
  }
};

/// Errors: kInvalid with `path:line:column`: syntax, an unknown key, a wrong type, a missing [team].url, a URL or
/// duration that is none. kNotFound when there is no such file, with a minimal one to write.
api::Expected<Config> ReadConfig(const std::string& path);

/// The time between two polls of a repository that names none, and by how many percent of it polls are spread. Of a
/// configuration that ParseConfig has let through.
std::chrono::milliseconds RepositoryInterval(const Config& config);
int JitterPercent(const Config& config);

/// The same as ReadConfig for text; `source` names it in errors.
api::Expected<Config> ParseConfig(std::string_view text, std::string_view source);

}  // namespace herod
