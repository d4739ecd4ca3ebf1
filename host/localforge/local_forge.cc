#include "host/localforge/local_forge.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <set>
#include <sys/file.h>
#include <sys/stat.h>
#include <utility>

#include "host/file_url.h"
#include "host/localforge/status_log.h"

namespace host::localforge {

namespace {

using api::Code;
using api::Error;
using api::Expected;
using linux::Fd;

constexpr const char* kOwnDirectory = "hero";
constexpr const char* kCollaborators = "collaborators";
constexpr std::size_t kCollaboratorsBytesMax = 1u << 20;  // Ten thousand logins of the longest kind.
constexpr mode_t kPrivateMode = 0700;
constexpr mode_t kOrganisationMode = 0755;

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

/// Opens a directory below another, and makes it first when it is absent.
Expected<Fd> OpenOrMake(const Fd& directory, const std::string& name, mode_t mode, const std::string& shown) {
  if (::mkdirat(directory.get(), name.c_str(), mode) != 0 && errno != EEXIST)
    return linux::SystemError("make " + shown, errno);
  return linux::OpenBeneath(directory.get(), name, O_RDONLY | O_DIRECTORY, shown);
}

/// Opens a repository's own directory of ours and locks it. Gone with the descriptor.
Expected<Fd> Lock(const Fd& repository, const std::string& shown) {
  auto own = OpenOrMake(repository, kOwnDirectory, kPrivateMode, shown + "/" + kOwnDirectory);
  if (!own || ::flock(own->get(), LOCK_EX | LOCK_NB) == 0) return own;
  if (errno != EWOULDBLOCK) return linux::SystemError("lock " + shown, errno);
  return Error{Code::kUnavailable, "ForgeBusy", shown + " is being written to by another process"};
}

Expected<std::set<std::string>> ReadCollaborators(const Fd& own, const std::string& shown) {
  std::set<std::string> logins;
  const auto file = linux::OpenBeneath(own.get(), kCollaborators, O_RDONLY, shown);
  if (!file && file.error().code == Code::kNotFound) return logins;
  if (!file) return file.error();
  const auto text = linux::ReadUpTo(file->get(), kCollaboratorsBytesMax, shown);
  if (!text) return text.error();
  if (text->size() == kCollaboratorsBytesMax)
    return Error{Code::kUnavailable, "CollaboratorsTooLarge", shown + "/hero/collaborators is too large; look at it"};
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    if (end > at) logins.insert(text->substr(at, end - at));
    at = end + 1;
  }
  return logins;
}

}  // namespace

LocalForge::LocalForge(std::string folder, Git& git, const Clock& clock)
    : folder_(WithoutSlashes(std::move(folder))), git_(git), clock_(clock) {}

std::optional<std::string> LocalForge::RepositoryOf(std::string_view url) const {
  const auto path = PathOfFileUrl(url);
  return path ? RepositoryBelow(folder_, *path) : std::nullopt;
}

std::mutex& LocalForge::WriterOf(std::string_view repository) {
  return writers_[std::hash<std::string_view>()(repository) % writers_.size()];
}

Expected<Fd> LocalForge::Enter(std::string_view repository, const std::stop_token& stop) const {
  if (auto name = ParseRepositoryName(repository); !name) return name.error();
  if (stop.stop_requested()) return Error{Code::kUnavailable, "Stopped", "forge: we are stopping"};
  const auto folder = linux::Open(folder_, O_RDONLY | O_DIRECTORY);
  if (!folder) return folder.error().Within("the local forge's folder, [forge].url");
  auto opened =
      linux::OpenBeneath(folder->get(), std::string(repository) + ".git", O_RDONLY | O_DIRECTORY, PathOf(repository));
  if (opened || opened.error().code != Code::kNotFound) return opened;
  return Error{Code::kNotFound, "NoSuchRepository", PathOf(repository) + " is not there"};
}

Expected<std::vector<CommitStatus>> LocalForge::Statuses(std::string_view repository, std::string_view commit,
                                                         std::stop_token stop) {
  const auto directory = Enter(repository, stop);
  if (!directory) return directory.error();
  if (auto good = CheckCommitId(commit); !good) return good.error();
  const auto own = linux::OpenBeneath(directory->get(), kOwnDirectory, O_RDONLY | O_DIRECTORY, PathOf(repository));
  if (!own && own.error().code == Code::kNotFound) return std::vector<CommitStatus>{};
  if (!own) return own.error();
  return StatusLog(own->get(), PathOf(repository)).Read(commit);
}

Expected<void> LocalForge::PostStatus(std::string_view repository, std::string_view commit, const CommitStatus& status,
                                      std::stop_token stop) {
  const auto directory = Enter(repository, stop);
  if (!directory) return directory.error();
  if (auto good = CheckCommitId(commit); !good) return good;
  const auto fitted = FittedStatus(status);
  if (!fitted) return fitted.error();
  const std::string path = PathOf(repository);
  if (const auto found = git_.Contains(path, commit, commit); !found) {
    if (found.error().code != Code::kNotFound) return found.error();
    return Error{Code::kNotFound, "NoSuchCommit", "commit " + std::string(commit) + " is not in " + path};
  }

  const std::lock_guard lock(WriterOf(repository));
  const auto own = Lock(*directory, path);
  if (!own) return own.error();
  StatusLog log(own->get(), path);
  const auto statuses = log.Read(commit);
  if (!statuses) return statuses.error();
  if (std::find(statuses->begin(), statuses->end(), *fitted) != statuses->end()) return {};
  return log.Append(commit, *fitted, clock_.Now());
}

Expected<bool> LocalForge::CommentOnMerge(std::string_view repository, std::string_view commit, std::string_view,
                                          std::stop_token stop) {
  if (const auto directory = Enter(repository, stop); !directory) return directory.error();
  if (auto good = CheckCommitId(commit); !good) return good.error();
  return false;
}

Expected<void> LocalForge::EnsurePrivateRepository(std::string_view repository,
                                                   const std::map<std::string, std::string>& files,
                                                   std::stop_token stop) {
  const auto name = ParseRepositoryName(repository);
  if (!name) return name.error();
  if (auto good = CheckFirstFiles(files); !good) return good;
  if (stop.stop_requested()) return Error{Code::kUnavailable, "Stopped", "forge: we are stopping"};
  const auto folder = linux::Open(folder_, O_RDONLY | O_DIRECTORY);
  if (!folder) return folder.error().Within("the local forge's folder, [forge].url");

  const std::lock_guard lock(WriterOf(repository));
  const std::string organisation(name->organisation);
  const auto above = OpenOrMake(*folder, organisation, kOrganisationMode, folder_ + "/" + organisation);
  if (!above) return above.error();
  const std::string path = PathOf(repository);
  // Made closed, so that nobody opens it before it is private.
  const auto directory = OpenOrMake(*above, std::string(name->name) + ".git", kPrivateMode, path);
  if (!directory) return directory.error();
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0) return linux::SystemError("stat " + path, errno);
  if ((status.st_mode & 0077U) != 0 && ::fchmod(directory->get(), kPrivateMode) != 0)
    return linux::SystemError("make " + path + " private", errno);
  const auto own = Lock(*directory, path);
  if (!own) return own.error();
  if (const auto made = git_.MakeFirstCommit(path, files); !made) return made.error();
  return {};
}

Expected<bool> LocalForge::EnsureCollaborator(std::string_view repository, std::string_view login,
                                              std::stop_token stop) {
  return ChangeCollaborators(repository, login, std::move(stop),
                             [&](std::set<std::string>& logins) { return logins.emplace(login).second; });
}

Expected<void> LocalForge::RemoveCollaborator(std::string_view repository, std::string_view login,
                                              std::stop_token stop) {
  auto changed = ChangeCollaborators(repository, login, std::move(stop), [&](std::set<std::string>& logins) {
    return logins.erase(std::string(login)) > 0;
  });
  if (!changed) return changed.error();
  return {};
}

/// Whether `change` said that there is something to write.
Expected<bool> LocalForge::ChangeCollaborators(std::string_view repository, std::string_view login,
                                               std::stop_token stop,
                                               const std::function<bool(std::set<std::string>&)>& change) {
  const auto directory = Enter(repository, stop);
  if (!directory) return directory.error();
  if (auto good = CheckLogin(login); !good) return good.error();
  const std::lock_guard lock(WriterOf(repository));
  const std::string path = PathOf(repository);
  const auto own = Lock(*directory, path);
  if (!own) return own.error();
  auto logins = ReadCollaborators(*own, path);
  if (!logins) return logins.error();
  if (!change(*logins)) return false;
  std::string text;
  for (const std::string& each : *logins) text += each + "\n";
  if (auto written = linux::ReplaceFile(own->get(), kCollaborators, text, 0600); !written) return written.error();
  return true;
}

}  // namespace host::localforge
