#include "controllers/manifest/manifest_file.h"

#include <string>

#include <doctest/doctest.h>

namespace controllers {
namespace {

const ManifestRules kRules{.orgs = {"lhumina_code"}};

constexpr const char* kRow =
    "[[bind]]\nservice = \"hero_slides\"\nrepo = \"lhumina_code/hero_slides\"\nbranch = \"development\"\nfrom = "
    "\"release\"\n";

api::Expected<ManifestFile> Read(const std::string& text, const ManifestRules& rules = kRules) {
  return ReadManifestFile(text, "m.toml", rules);
}

TEST_CASE("[HTB-05][HTB-27][HTB-28] manifest: every key of a row, and what is not said") {
  const auto file = Read(
      "[[bind]]\nservice = \"hero_slides\"\nrepo = \"lhumina_code/hero_slides\"\nbranch = \"development_alice\"\n"
      "from = \"build\"\nauto_rebuild = true\npublish = false\nfollow = \"notify\"\nneeds = [\"hero_proc\"]\n"
      "health = \"/healthz\"\nenv = { RUST_LOG = \"info\" }\nargs = [\"--fast\"]\nvisibility = \"private\"\n"
      "[[bind]]\nservice = \"hero_proc\"\nrepo = \"lhumina_code/hero_proc\"\nbranch = \"a/b\"\nfrom = \"hash\"\n"
      "hash = \"a1b2c3d4\"\n[claude]\npreference = \"org\"\n");
  REQUIRE_MESSAGE(file, file.error().message);
  const api::v1::Manifest want{.bind = {{.service = "hero_slides",
                                         .repo = "lhumina_code/hero_slides",
                                         .branch = "development_alice",
                                         .from = "build",
                                         .auto_rebuild = true,
                                         .publish = false,
                                         .follow = "notify",
                                         .needs = {"hero_proc"},
                                         .health = "/healthz",
                                         .env = {{"RUST_LOG", "info"}},
                                         .args = {"--fast"},
                                         .visibility = "private"},
                                        {.service = "hero_proc",
                                         .repo = "lhumina_code/hero_proc",
                                         .branch = "a/b",
                                         .from = "hash",
                                         .hash = "a1b2c3d4",
                                         .auto_rebuild = false,
                                         .publish = true,
                                         .follow = "auto",
                                         .visibility = "team"}},
                               .claude = {.preference = "org"}};
  CHECK(file->manifest == want);
  CHECK(Read("")->manifest == api::v1::Manifest{.claude = {.preference = "auto"}});
}

TEST_CASE("[HTB-29] manifest: a member's own may have the state that tools write, a template may not") {
  const std::string text = std::string(kRow) + "[state.hero_slides]\nlast_build_hash = \"a1b2c3d4\"\n";
  CHECK(Read(text, {.orgs = {"lhumina_code"}, .may_have_state = true}));
  const auto refused = Read(text);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.starts_with("m.toml:6:"));
  CHECK(refused.error().message.find("written by tools") != std::string::npos);
}

TEST_CASE("[HTB-05][HTB-27][SEC-19][SEC-49] manifest: what is refused, with the place and what is allowed") {
  struct Row {
    const char* name;
    std::string text;
    const char* message;
  };
  const std::string head = "[[bind]]\nservice = \"hero_slides\"\nrepo = \"lhumina_code/hero_slides\"\n";
  const std::string rest = "branch = \"development\"\nfrom = \"release\"\n";
  const auto row = [&](const std::string& service) {
    return "[[bind]]\nservice = \"" + service + "\"\nrepo = \"lhumina_code/x\"\n" + rest;
  };
  const auto repo = [&](const std::string& name) {
    return "[[bind]]\nservice = \"hero_slides\"\nrepo = \"" + name + "\"\n" + rest;
  };
  const auto branch = [&](const std::string& name) { return head + "branch = \"" + name + "\"\nfrom = \"release\"\n"; };
  const Row rows[] = {
      {"syntax", "[[bind]\n", "m.toml:1:"},
      {"unknown key", head + rest + "autorebuild = true\n",
       "m.toml:6:1: bind[0].autorebuild: unknown field; did you mean 'auto_rebuild'?"},
      {"unknown table", "[binds]\n", "m.toml:1:2: binds: unknown field; did you mean 'bind'?"},
      {"wrong type", head + rest + "args = \"-v\"\n", "m.toml:6:1: bind[0].args: must be array, not string"},
      {"a service that leaves its place", row("../x"), "m.toml:2:1: service \"../x\" has to be lower-case"},
      {"a service in capitals", row("Slides"), "m.toml:2:1: service \"Slides\""},
      {"no service", "[[bind]]\nrepo = \"lhumina_code/x\"\n" + rest, "m.toml:1:1: service \"\""},
      {"one service twice", kRow + row("hero_slides"), "m.toml:7:1: services \"hero_slides\" and \"hero_slides\""},
      {"one short name twice", kRow + row("slides"),
       "m.toml:7:1: services \"hero_slides\" and \"slides\" would have one address and one socket, \"slides\""},
      {"no org", repo("hero_slides"), "m.toml:3:1: repo \"hero_slides\" has to be org/name"},
      {"a url", repo("https://evil.example.org/x"), "has to be org/name"},
      {"three parts", repo("lhumina_code/a/b"), "has to be org/name"},
      {"a hidden one", repo("lhumina_code/.git"), "has to be org/name"},
      {"another org", repo("evil/hero_slides"),
       "is of an organisation that this box does not take; allowed are: lhumina_code"},
      {"an option for a branch", branch("--upload-pack=x"), "m.toml:4:1: branch \"--upload-pack=x\" is no name"},
      {"dots in a branch", branch("a/../b"), "is no name that git takes"},
      {"no branch", head + "from = \"release\"\n", "branch \"\" is no name"},
      {"from what", head + "branch = \"b\"\nfrom = \"source\"\n",
       "m.toml:5:1: from \"source\" has to be one of: build, release, hash"},
      {"a hash without from hash", head + rest + "hash = \"a1b2c3d4\"\n",
       "m.toml:6:1: hash goes with from = \"hash\" alone"},
      {"from hash without one", head + "branch = \"b\"\nfrom = \"hash\"\n", "needs the hash of the artifact"},
      {"a hash that is none", head + "branch = \"b\"\nfrom = \"hash\"\nhash = \"A1B2\"\n",
       "m.toml:6:1: hash \"A1B2\" has to be 8 to 64 digits"},
      {"follow what", head + rest + "follow = \"never\"\n", "has to be one of: auto, notify, manual"},
      {"visible to whom", head + rest + "visibility = \"all\"\n", "has to be one of: team, private, public"},
      {"health elsewhere", head + rest + "health = \"http://x\"\n", "has to be a path"},
      {"a variable that is none", head + rest + "env = { \"A B\" = \"x\" }\n",
       "m.toml:6:9: env \"A B\" has to be letters"},
      {"a need that is nowhere", head + rest + "needs = [\"hero_proc\"]\n",
       "m.toml:6:10: needs \"hero_proc\", which is no other service of this file"},
      {"a need of itself", head + rest + "needs = [\"hero_slides\"]\n", "which is no other service"},
      {"whose credential", "[claude]\npreference = \"mine\"\n",
       "m.toml:2:1: preference \"mine\" has to be one of: auto, personal, org"},
  };
  for (const Row& one : rows) {
    CAPTURE(one.name);
    const auto file = Read(one.text);
    REQUIRE_FALSE(file);
    CHECK(file.error().code == api::Code::kInvalid);
    CHECK(file.error().reason == "InvalidFile");
    CHECK_MESSAGE(file.error().message.find(one.message) != std::string::npos, file.error().message);
  }
}

TEST_CASE("[HTB-68] manifest: a service's short name is its name without hero_") {
  CHECK(ShortNameOf("hero_slides") == "slides");
  CHECK(ShortNameOf("slides") == "slides");
  CHECK(ShortNameOf("hero") == "hero");
  CHECK(ShortNameOf("hero_proc_x") == "proc_x");
}

}  // namespace
}  // namespace controllers
