// Whose signature a commit has, as git and ssh-keygen tell it.
#include <array>
#include <sys/stat.h>

#include "api/codec/text.h"
#include "host/libgit2/git.h"
#include "host/libgit2/git_command.h"
#include "host/linux/files.h"

namespace host::libgit2 {
namespace {

using api::Code;
using api::Error;

constexpr std::chrono::milliseconds kDeadline{30'000};  // Two children that read two files: 20 ms.

/// What decides who may speak for the team is not to be written by anybody else.
api::Expected<void> CheckSignersFile(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    return Error{Code::kForbidden, "SignersRefused", "the file of allowed signers " + path + " " + why};
  };
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return refuse("cannot be read; it is named as [team].signers in herod.toml");
  if (!S_ISREG(status.st_mode)) return refuse("is no regular file");
  if ((status.st_mode & 0022U) != 0) return refuse("may be written by others than its owner: chmod go-w");
  return {};
}

}  // namespace

api::Expected<std::string> LibGit2Git::SignatureFault(std::string_view repository, std::string_view commit,
                                                      std::string_view signers, std::stop_token stop) const {
  // The commit first: nothing but the id of one that is there ever becomes an argument.
  if (auto is_there = Contains(repository, commit, commit); !is_there) return is_there.error();
  const std::string file(signers);
  if (auto good = CheckSignersFile(file); !good) return good.error();
  // gpg is never asked: what it signed counts as not checked.
  Command command = GitCommand({"-c", "gpg.ssh.allowedSignersFile=" + file, "-c", "gpg.ssh.program=ssh-keygen", "-c",
                                "gpg.openpgp.program=/bin/false", "-c", "gpg.x509.program=/bin/false", "log", "-1",
                                "--no-show-signature", "--format=%G?", std::string(commit)},
                               {{"GIT_DIR", std::string(repository)}});
  command.deadline = kDeadline;
  const auto finished = processes_.Run(command, std::move(stop));
  if (!finished) return finished.error();
  if (finished->exit_code != 0) return WhyGitFailed("check the signature of " + std::string(commit), *finished);
  struct Verdict {
    std::string_view letter;
    std::string_view fault;
  };
  constexpr std::array kVerdicts = {Verdict{"G", ""},
                                    Verdict{"N", "is not signed"},
                                    Verdict{"B", "has a signature that does not fit it"},
                                    Verdict{"U", "is signed by none of the allowed signers"},
                                    Verdict{"X", "has a signature that has expired"},
                                    Verdict{"Y", "is signed by a key that had expired"},
                                    Verdict{"R", "is signed by a key that was revoked"}};
  const std::string letter = finished->out.substr(0, finished->out.find('\n'));
  for (const Verdict& verdict : kVerdicts)
    if (verdict.letter == letter) return std::string(verdict.fault);
  return std::string("has a signature that cannot be checked: only those of ssh are");
}

}  // namespace host::libgit2
