#pragma once

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host/clock.h"
#include "host/forge.h"
#include "host/git.h"
#include "host/linux/files.h"

namespace host::localforge {

/// A forge without a network: a folder of bare repositories `<org>/<repo>.git`. Beside git's own, each may have a
/// directory `hero` with `statuses` (see StatusLog) and `collaborators` (a login a line). A repository is private when
/// nobody but its owner may open its directory. There are no pull requests, no list of logins, and an organisation is a
/// directory that is made when it is needed. No link below the folder is followed. Two processes may use one folder:
/// who finds it locked by the other gets kUnavailable and asks again.
class LocalForge final : public Forge {
 public:
  /// `folder` is absolute; it has to be there when it is used, but for RepositoryOf.
  LocalForge(std::string folder, Git& git, const Clock& clock);

  std::optional<std::string> RepositoryOf(std::string_view url) const override;
  api::Expected<std::vector<CommitStatus>> Statuses(std::string_view repository, std::string_view commit,
                                                    std::stop_token stop) override;
  api::Expected<void> PostStatus(std::string_view repository, std::string_view commit, const CommitStatus& status,
                                 std::stop_token stop) override;
  api::Expected<bool> CommentOnMerge(std::string_view repository, std::string_view commit, std::string_view text,
                                     std::stop_token stop) override;
  api::Expected<void> EnsurePrivateRepository(std::string_view repository,
                                              const std::map<std::string, std::string>& files,
                                              std::stop_token stop) override;
  api::Expected<bool> EnsureCollaborator(std::string_view repository, std::string_view login,
                                         std::stop_token stop) override;
  api::Expected<void> RemoveCollaborator(std::string_view repository, std::string_view login,
                                         std::stop_token stop) override;

 private:
  /// The directory of a repository that is there.
  api::Expected<linux::Fd> Enter(std::string_view repository, const std::stop_token& stop) const;
  std::mutex& WriterOf(std::string_view repository);
  api::Expected<bool> ChangeCollaborators(std::string_view repository, std::string_view login, std::stop_token stop,
                                          const std::function<bool(std::set<std::string>&)>& change);
  std::string PathOf(std::string_view repository) const { return folder_ + "/" + std::string(repository) + ".git"; }

  const std::string folder_;
  Git& git_;            // Thread-safe; outlives us.
  const Clock& clock_;  // Thread-safe; outlives us.

  /// One writer of this process at a time for a repository; the lock of a file keeps other processes out. Many, for
  /// what takes time is waiting for the disk.
  std::array<std::mutex, 64> writers_;
};

}  // namespace host::localforge
