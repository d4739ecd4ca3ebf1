#include "cmd/config/config.h"

#include <doctest/doctest.h>

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
      "[accounts]\ngroups = [\"hero\"]\n[releases]\ntrusted_keys = [\"k\"]\nkeep = 3\n[follow]\njitter = \"5%\"\n"
      "[serve]\ntls_address = \"\"\nweb_socket = \"/w\"\n",
      "herod.toml");
  REQUIRE_MESSAGE(config, config.error().message);
  CHECK(config->box.integrator == "Ada");
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

TEST_CASE("[HTB-08] herod.toml: a missing file says what the least one is") {
  const tests::TempDir dir;
  auto config = ReadConfig(dir / "herod.toml");
  REQUIRE_FALSE(config);
  CHECK(config.error().message.find("[team]\nurl = ") != std::string::npos);
}

}  // namespace
}  // namespace herod
