#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/clock.h"
#include "host/git.h"
#include "host/processes.h"

namespace host::libgit2 {

/// How git reaches the repositories of one forge. The token is sent to that forge's host alone, and is never in an
/// argument, a URL or git's environment: a program of ours reads its file when git asks for it.
struct ForgeAccess {
  std::string url{};         ///< `https://host[:port][/root]`; anything else: no forge.
  std::string token_file{};  ///< Mode 0600; empty: none is sent.
  std::string ca_file{};     ///< Certificates to trust instead of the machine's, PEM; empty: those of the machine.
  std::string askpass{};     ///< Path of herod-askpass.
};

/// Reads by libgit2, on bare repositories that belong to us or that we only look at. Fetches by the git program:
/// libgit2 has no timeout on the network, a child has a deadline. Every call opens the repository anew (30 us), so none
/// is kept stale.
class LibGit2Git final : public Git {
 public:
  LibGit2Git(Processes& processes, const Clock& clock, ForgeAccess access = {});

  api::Expected<std::map<std::string, std::string>> Heads(std::string_view repository) const override;
  api::Expected<std::vector<TreeEntry>> ListTree(std::string_view repository, std::string_view commit,
                                                 std::string_view directory) const override;
  api::Expected<std::string> ReadBlob(std::string_view repository, std::string_view blob,
                                      std::size_t bytes_max) const override;
  api::Expected<bool> Contains(std::string_view repository, std::string_view commit,
                               std::string_view ancestor) const override;
  api::Expected<std::string> SignatureFault(std::string_view repository, std::string_view commit,
                                            std::string_view signers, std::stop_token stop) const override;
  api::Expected<void> Fetch(std::string_view url, std::string_view mirror, const FetchOptions& options,
                            std::stop_token stop) override;
  api::Expected<void> RemoveMirror(std::string_view mirror) override;
  api::Expected<bool> MakeFirstCommit(std::string_view repository,
                                      const std::map<std::string, std::string>& files) override;

 private:
  class Fetching;

  Processes& processes_;  // Thread-safe; outlives us.
  const Clock& clock_;    // Thread-safe; outlives us.
  const ForgeAccess access_;
};

}  // namespace host::libgit2
