#include "cmd/config/config.h"

#include <fstream>
#include <set>

#include <doctest/doctest.h>

#include "api/codec/fields.h"
#include "tests/support/temp_dir.h"

namespace herod {
namespace {

TEST_CASE("[HTB-08] herod.toml: a URL is enough, and everything else has its documented value") {
  auto config = ParseConfig("[team]\nurl = \"file:///srv/hero_team.git\"\n", "herod.toml");
  REQUIRE_MESSAGE(config, config.error().message);
  CHECK(config->team.url == "file:///srv/hero_team.git");
  CHECK(config->team.branch == "development");
  CHECK(config->team.interval == "5m");
  CHECK(config->box.driver == "driver");
  CHECK(config->box.integrator == "your operator");
  CHECK(config->forge.kind == "local");
  CHECK(config->forge.code_org == "lhumina_code");
  CHECK(config->forge.private_org == "lhumina_code-private");
  CHECK(config->accounts.groups == std::vector<std::string>{"developers", "hero"});
  CHECK(config->accounts.adoptable.empty());
  CHECK(config->releases.keep == 10);
  CHECK(config->follow.jitter == "10%");
  CHECK(config->serve.web_socket == "/run/hero/web.sock");
  CHECK_FALSE(config->serve.tls_address);
}

TEST_CASE("[HTB-08] herod.toml: every documented key is taken") {
  auto config = ParseConfig(
      "[box]\nname = \"b\"\ndriver = \"d\"\nintegrator = \"Ada\"\n"
      "[team]\nurl = \"https://forge.example.org/o/hero_team.git\"\nbranch = \"main\"\ninterval = \"1m\"\n"
      "[repos]\ninterval = \"2m\"\norgs = [\"o\"]\n"
      "[forge]\nkind = \"forgejo\"\nurl = \"https://forge.example.org\"\ntoken_file = \"/t\"\ncode_org = \"o\"\nprivate_org = \"p\"\n"
      "[accounts]\ngroups = [\"hero\"]\nadoptable = [\"dora\"]\n[releases]\ntrusted_keys = [\"k\"]\nkeep = 3\n[follow]\njitter = \"5%\"\n"
      "[serve]\ntls_address = \"\"\ntls_certificate = \"/c\"\ntls_key = \"/k\"\ntls_names = [\"box\"]\nplain = false\n"
      "web_socket = \"/w\"\n",
      "herod.toml");
  REQUIRE_MESSAGE(config, config.error().message);
  CHECK(config->box.integrator == "Ada");
  CHECK(config->accounts.adoptable == std::vector<std::string>{"dora"});
  CHECK(config->repos.orgs == std::vector<std::string>{"o"});
  CHECK(config->serve.tls_address == "");
}

TEST_CASE("[HTB-08] herod.toml: what is wrong is refused with its line and what to do") {
  struct Row {
    const char* name;
    const char* text;
    const char* message;
  };
  const Row rows[] = {
      {"empty", "", "[team].url is required"},
      {"no URL", "[team]\nbranch = \"x\"\n", "[team].url is required"},
      {"another scheme", "[team]\nurl = \"ssh://host/x\"\n",
       "herod.toml:2:1: team.url has to start with file:/// or https://"},
      {"unknown key", "[team]\nurl = \"file:///x\"\nbrunch = \"x\"\n", "herod.toml:3:1: team.brunch: unknown field"},
      {"unknown section", "[tema]\n", "herod.toml:1:2: tema: unknown field"},
      {"wrong type", "[team]\nurl = 3\n", "herod.toml:2:1: team.url: must be string, not integer"},
      {"syntax", "[team\n", "herod.toml:1:"},
      {"no duration", "[team]\nurl = \"file:///x\"\ninterval = \"often\"\n", "herod.toml:3:1: team.interval"},
      {"too short", "[team]\nurl = \"file:///x\"\ninterval = \"1ms\"\n", "has to be 1s at least"},
      {"another forge", "[team]\nurl = \"file:///x\"\n[forge]\nkind = \"github\"\n", "\"local\" or \"forgejo\""},
      {"a local forge elsewhere", "[team]\nurl = \"file:///x\"\n[forge]\nurl = \"https://host\"\n",
       "herod.toml:4:1: forge.url of a local forge has to begin with file:///"},
      {"a forge without an address", "[team]\nurl = \"file:///x\"\n[forge]\nkind = \"forgejo\"\n", "forge.url"},
      {"a forge without TLS", "[team]\nurl = \"file:///x\"\n[forge]\nkind = \"forgejo\"\nurl = \"http://host\"\n",
       "herod.toml:5:1: forge.url: the forge's URL has to be https://host"},
      {"a token in the URL", "[team]\nurl = \"file:///x\"\n[forge]\nkind = \"forgejo\"\nurl = \"https://u:p@host\"\n",
       "without a name or token"},
      {"no token", "[team]\nurl = \"file:///x\"\n[forge]\nkind = \"forgejo\"\nurl = \"https://host\"\n",
       "forge.token_file has to be the absolute path"},
      {"no percentage", "[team]\nurl = \"file:///x\"\n[follow]\njitter = \"often\"\n",
       "herod.toml:4:1: follow.jitter has to be a percentage of the interval from 0% to 100%"},
      {"no percent sign", "[team]\nurl = \"file:///x\"\n[follow]\njitter = \"10\"\n", "from 0% to 100%"},
      {"above all", "[team]\nurl = \"file:///x\"\n[follow]\njitter = \"101%\"\n", "from 0% to 100%"},
      {"below all", "[team]\nurl = \"file:///x\"\n[follow]\njitter = \"-1%\"\n", "from 0% to 100%"},
      {"signers somewhere", "[team]\nurl = \"file:///x\"\nsigners = \"signers\"\n",
       "herod.toml:3:1: team.signers has to be the absolute path"},
      {"a certificate without a key", "[team]\nurl = \"file:///x\"\n[serve]\ntls_certificate = \"/c\"\n",
       "herod.toml:4:1: serve.tls_certificate and serve.tls_key go together"},
      {"a key somewhere", "[team]\nurl = \"file:///x\"\n[serve]\ntls_certificate = \"/c\"\ntls_key = \"k\"\n",
       "herod.toml:5:1: serve.tls_key has to be an absolute path"},
      {"TLS and none",
       "[team]\nurl = \"file:///x\"\n[serve]\nplain = true\ntls_certificate = \"/c\"\ntls_key = \"/k\"\n",
       "herod.toml:4:1: serve.plain is without TLS"},
      {"no account", "[box]\ndriver = \"../root\"\n[team]\nurl = \"file:///x\"\n",
       "box.driver has to be the name of an account"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto config = ParseConfig(row.text, "herod.toml");
    REQUIRE_FALSE(config);
    CHECK_MESSAGE(config.error().message.find(row.message) != std::string::npos, config.error().message);
  }
}

TEST_CASE("[HTB-08] herod.toml: repositories are polled by [repos], else by [team], and spread by [follow]") {
  const auto read = [](const std::string& more) {
    auto config = ParseConfig("[team]\nurl = \"file:///x\"\ninterval = \"3m\"\n" + more, "herod.toml");
    REQUIRE_MESSAGE(config, config.error().message);
    return *config;
  };
  CHECK(RepositoryInterval(read("")) == std::chrono::minutes(3));
  CHECK(RepositoryInterval(read("[repos]\ninterval = \"90s\"\n")) == std::chrono::seconds(90));
  CHECK(JitterPercent(read("")) == 10);
  CHECK(JitterPercent(read("[follow]\njitter = \"0%\"\n")) == 0);
  CHECK(JitterPercent(read("[follow]\njitter = \"100%\"\n")) == 100);
}

/// The keys of a section's row are in its first cell, each in backquotes: | `url` | … below the heading `## [team]`.
std::set<std::string> KeysOnThePage() {
  std::ifstream page("docs/herod_toml.md");
  REQUIRE(page);
  std::set<std::string> keys;
  std::string section;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) section = line.starts_with("## [") ? line.substr(4, line.find(']') - 4) : "";
    if (!section.empty() && line.starts_with("| `")) keys.insert(section + "." + line.substr(3, line.find('`', 3) - 3));
  }
  return keys;
}

TEST_CASE("[HTB-08] herod.toml: its page has every key that is taken, and no other") {
  std::set<std::string> taken;
  const api::Json all = api::codec::Encode(Config{}, api::codec::Unset::kNull);
  for (const api::Json::Member& section : *all.object())
    for (const api::Json::Member& key : *section.value.object()) taken.insert(section.key + "." + key.key);
  CHECK(KeysOnThePage() == taken);
}

TEST_CASE("[HTB-08] herod.toml: a missing file says what the least one is") {
  const tests::TempDir dir;
  auto config = ReadConfig(dir / "herod.toml");
  REQUIRE_FALSE(config);
  CHECK(config.error().message.find("[team]\nurl = ") != std::string::npos);
}

}  // namespace
}  // namespace herod
