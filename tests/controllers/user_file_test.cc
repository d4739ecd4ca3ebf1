#include "controllers/team/user_file.h"

#include <doctest/doctest.h>

#include "api/codec/text.h"
#include "tests/controllers/box_harness.h"

namespace controllers {
namespace {

const UserRules kRules{.assignable_groups = {"developers", "hero"}};

api::Expected<api::v1::UserSpec> Read(const std::string& text, const std::string& stem = "alice") {
  auto read = ReadUserFile(text, "users/" + stem + ".toml", stem, kRules);
  return read ? api::Expected<api::v1::UserSpec>(read->spec) : read.error();
}

/// A public key of that type with a body of that many bytes.
std::string KeyLine(const std::string& type, std::size_t body_bytes) {
  const std::string length{'\0', '\0', '\0', static_cast<char>(type.size())};
  return type + " " + api::codec::EncodeBase64(length + type + std::string(body_bytes, 'k'));
}

TEST_CASE("[HTB-02][HTB-03] user file: every key that a member may set") {
  auto spec = Read(
      "name = \"alice\"\nssh_pubkeys = [\"" + std::string(tests::kAliceKey) +
      "\"]\ngroups = [\"developers\", \"hero\"]\nbranch_suffix = \"alice\"\nmanifest_template = \"developer\"\n"
      "display_name = \"Alice Example\"\nemail = \"alice@example.org\"\ndeactivated = true\nforge_login = \"al\"\n"
      "adopt = true\n[claude_org_key]\nenabled = true\nkey_secret_names = [\"ORG_CLAUDE_KEY_1\", \"ORG_CLAUDE_KEY_2\"]\n"
      "[limits]\nmemory = \"8GiB\"\ncpu = 2.0\ntasks = 2000\ndisk = \"50GiB\"\n");
  REQUIRE_MESSAGE(spec, spec.error().message);
  const api::v1::UserSpec want{.name = "alice",
                               .ssh_pubkeys = {tests::kAliceKey},
                               .groups = {"developers", "hero"},
                               .branch_suffix = "alice",
                               .manifest_template = "developer",
                               .display_name = "Alice Example",
                               .email = "alice@example.org",
                               .deactivated = true,
                               .forge_login = "al",
                               .adopt = true,
                               .claude_org_key = api::v1::ClaudeOrgKey{true, "ORG_CLAUDE_KEY_1"},
                               .limits = api::v1::UserLimits{"8GiB", 2.0, 2000, "50GiB"}};
  CHECK(*spec == want);
}

TEST_CASE("[SEC-04][SEC-05][SEC-06][SEC-16] user file: what is refused, with the place and what is allowed") {
  struct Row {
    const char* name;
    const char* stem;
    std::string text;
    const char* message;
  };
  const Row rows[] = {
      {"syntax error", "alice", "name = \"alice\"\ngroups = [\n", "users/alice.toml:"},
      {"unknown key", "alice", "name = \"alice\"\nsudo = true\n", "users/alice.toml:2:1: sudo: unknown field"},
      {"wrong type", "alice", "name = \"alice\"\n\ngroups = \"hero\"\n",
       "users/alice.toml:3:1: groups: must be array, not string"},
      {"another name", "alice", "name = \"bob\"\n",
       "users/alice.toml:1:1: name \"bob\" has to equal the file's name, alice.toml"},
      {"a name that is none", "Bob", "name = \"Bob\"\n", "users/Bob.toml:1:1: name \"Bob\" has to be lower-case"},
      {"a name that is too long", "abcdefghijklmnopqrstuvwxyzabcdef", "name = \"abcdefghijklmnopqrstuvwxyzabcdef\"\n",
       "at most 31 characters"},
      {"no name", "alice", "groups = []\n", "has to be lower-case"},
      {"a system account", "root", "name = \"root\"\n", "users/root.toml:1:1: name \"root\" is reserved"},
      {"a group as good as root, to be", "docker", "name = \"docker\"\n", "name \"docker\" is reserved"},
      {"a display name that breaks passwd", "alice", "name = \"alice\"\ndisplay_name = \"Alice: backend\"\n",
       "users/alice.toml:2:1: display_name stands in passwd"},
      {"a route", "hooks", "name = \"hooks\"\n", "is reserved"},
      {"a group that is root", "alice", "name = \"alice\"\ngroups = [\"hero\", \"docker\"]\n",
       "users/alice.toml:2:19: group \"docker\" is as good as root"},
      {"a group of others", "alice", "name = \"alice\"\ngroups = [\"audio\"]\n", "allowed are: developers, hero"},
      {"a key with options", "alice", "name = \"alice\"\nssh_pubkeys = [\"command=\\\"sh\\\" ssh-ed25519 AAAA\"]\n",
       "users/alice.toml:2:16: a public key starts with its type"},
      {"two keys in one", "alice", "name = \"alice\"\nssh_pubkeys = [\"ssh-ed25519 AAAA\\nssh-rsa BBBB\"]\n",
       "is one line"},
      {"a private key", "alice", "name = \"alice\"\nssh_pubkeys = [\"-----BEGIN OPENSSH PRIVATE KEY-----\"]\n",
       "starts with its type"},
      {"a cut key", "alice", "name = \"alice\"\nssh_pubkeys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1\"]\n", "is damaged"},
      {"a weak key", "alice", "name = \"alice\"\nssh_pubkeys = [\"" + KeyLine("ssh-rsa", 128) + "\"]\n",
       "shorter than 2048 bits"},
      {"an org key without a name", "alice", "name = \"alice\"\n[claude_org_key]\nenabled = true\n", "names no key"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto spec = Read(row.text, row.stem);
    REQUIRE_FALSE(spec);
    CHECK(spec.error().reason == "InvalidFile");
    CHECK(spec.error().code == api::Code::kInvalid);
    CHECK_MESSAGE(spec.error().message.find(row.message) != std::string::npos, spec.error().message);
  }
}

TEST_CASE("[HTB-13][SEC-16] public key: type, base64 and comment are kept, everything around them goes") {
  CHECK(*ParsePublicKey("  " + std::string(tests::kAliceKey) + "  ") == tests::kAliceKey);
  const std::string bare = KeyLine("ecdsa-sha2-nistp256", 64);
  CHECK(*ParsePublicKey(bare) == bare);
  CHECK(*ParsePublicKey(bare + "   two words ") == bare + " two words");
  CHECK(ParsePublicKey(KeyLine("ssh-rsa", 270)));
  CHECK_FALSE(ParsePublicKey(KeyLine("ssh-dss", 400)));
  CHECK_FALSE(ParsePublicKey(KeyLine("ssh-ed25519-cert-v01@openssh.com", 64)));
  CHECK_FALSE(ParsePublicKey(""));
}

}  // namespace
}  // namespace controllers
