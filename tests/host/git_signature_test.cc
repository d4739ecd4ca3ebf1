// Whose signature a commit has: real git, real ssh-keygen.
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/host/git_world.h"
#include "tests/support/ssh_signer.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using api::Code;

struct SignedWorld : GitWorld {
  SignedWorld() { WriteSigners(alice.AllowedLine()); }

  void WriteSigners(const std::string& lines) {
    dir.Write("signers", lines);
    fs::permissions(signers, fs::perms::owner_read | fs::perms::owner_write);
  }
  /// A commit of somebody's, pushed and mirrored. Nobody's: not signed.
  std::string Commit(const SshSigner* signer) {
    std::vector<std::string> arguments;
    if (signer) arguments = signer->Settings();
    arguments.insert(arguments.end(), {"commit", "-q", "--allow-empty", "-m", "a change"});
    Git(arguments);
    return Mirror();
  }
  std::string Mirror() {
    Git({"push", "-q", "-f", origin, "HEAD:refs/heads/main"});
    REQUIRE(Fetch());
    return Git({"rev-parse", "HEAD"});
  }
  std::string FaultOf(const std::string& commit) {
    const auto fault = git.SignatureFault(mirror, commit, signers, {});
    REQUIRE_MESSAGE(fault, fault.error().message);
    return *fault;
  }

  const SshSigner alice{dir.Path(), "alice"};
  const SshSigner mallory{dir.Path(), "mallory"};
  const std::string signers = dir / "signers";
};

TEST_CASE("[SEC-10] git: a commit that an allowed signer has signed has no fault, any other says what it lacks") {
  SignedWorld world;
  CHECK(world.FaultOf(world.Commit(&world.alice)) == "");
  CHECK(world.FaultOf(world.Commit(nullptr)) == "is not signed");
  CHECK(world.FaultOf(world.Commit(&world.mallory)) == "is signed by none of the allowed signers");
  world.WriteSigners("# nobody\n");
  CHECK(world.FaultOf(world.Commit(&world.alice)) == "is signed by none of the allowed signers");
  world.WriteSigners(world.alice.AllowedLine("namespaces=\"file\" "));
  CHECK(world.FaultOf(world.Commit(&world.alice)) != "");
  world.WriteSigners(world.alice.AllowedLine("valid-before=\"20200101\" "));
  CHECK(world.FaultOf(world.Commit(&world.alice)) != "");
  world.WriteSigners(world.mallory.AllowedLine() + world.alice.AllowedLine());
  CHECK(world.FaultOf(world.Commit(&world.alice)) == "");
}

TEST_CASE("[SEC-10] git: a signature is of its own commit alone, and one of another kind is not taken for none") {
  SignedWorld world;
  const std::string good = world.Commit(&world.alice);
  // The same signature over another message.
  std::string text = world.git.ReadBlob(world.mirror, good, 1 << 16).value_or("");
  CHECK(text.empty());  // A commit is no blob.
  world.Git({"config", "core.editor", "true"});
  const std::string forge =
      "git cat-file commit HEAD | sed 's/a change/another one/' > forged && "
      "git update-ref HEAD $(git hash-object -t commit -w forged)";
  world.Git({"-c", "alias.forge=!" + forge, "forge"});
  CHECK(world.FaultOf(world.Mirror()) == "has a signature that does not fit it");
  const std::string openpgp =
      "git cat-file commit HEAD | sed 's/SSH SIGNATURE/PGP SIGNATURE/' > forged && "
      "git update-ref HEAD $(git hash-object -t commit -w forged)";
  world.Git({"-c", "alias.forge=!" + openpgp, "forge"});
  CHECK(world.FaultOf(world.Mirror()) != "");
}

TEST_CASE("[SEC-10] git: a file of signers that is not there, or that others may write, is no reason to trust") {
  SignedWorld world;
  const std::string commit = world.Commit(&world.alice);
  fs::permissions(world.signers, fs::perms::group_write, fs::perm_options::add);
  auto refused = world.git.SignatureFault(world.mirror, commit, world.signers, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kForbidden);
  CHECK(refused.error().reason == "SignersRefused");
  CHECK(refused.error().message.find("may be written by others than its owner: chmod go-w") != std::string::npos);
  fs::remove(world.signers);
  CHECK(CodeOf(world.git.SignatureFault(world.mirror, commit, world.signers, {})) == Code::kForbidden);
  CHECK(CodeOf(world.git.SignatureFault(world.mirror, commit, world.dir.Path(), {})) == Code::kForbidden);
  CHECK(CodeOf(world.git.SignatureFault(world.mirror, "--output=/tmp/x", world.signers, {})) == Code::kInvalid);
  CHECK(CodeOf(world.git.SignatureFault(world.mirror, std::string(40, '0'), world.signers, {})) == Code::kNotFound);
}

}  // namespace
}  // namespace tests
