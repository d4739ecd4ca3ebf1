#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/forge.h"
#include "tests/support/call_counter.h"

namespace tests {

/// A forge in memory. A test says which repositories, organisations and logins there are; every commit of a repository
/// is taken for there unless it is hidden. RepositoryOf costs no call. Thread-safe.
class FakeForge : public host::Forge {
 public:
  struct Repository {
    bool is_private = false;
    std::map<std::string, std::string> files{};  ///< Of its first commit.
    std::set<std::string> collaborators{};
    std::map<std::string, std::map<std::string, host::CommitStatus>> statuses{};  ///< By commit and context.
    std::map<std::string, std::string> comments{};  ///< Ours on the pull request that this commit merged.
  };

  /// `base` is what RepositoryOf finds its own URLs by.
  explicit FakeForge(std::string base = "file:///forge") : base_(std::move(base)) {}

  std::optional<std::string> RepositoryOf(std::string_view url) const override {
    return host::RepositoryBelow(base_, url);
  }

  api::Expected<std::vector<host::CommitStatus>> Statuses(std::string_view repository, std::string_view commit,
                                                          std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    auto found = Enter(repository, stop);
    if (!found) return found.error();
    if (auto good = host::CheckCommitId(commit); !good) return good.error();
    std::vector<host::CommitStatus> statuses;
    const auto entry = (*found)->statuses.find(std::string(commit));
    if (entry == (*found)->statuses.end()) return statuses;
    for (const auto& [context, status] : entry->second) statuses.push_back(status);
    return statuses;
  }

  api::Expected<void> PostStatus(std::string_view repository, std::string_view commit, const host::CommitStatus& status,
                                 std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    auto found = Enter(repository, stop);
    if (!found) return found.error();
    if (auto good = host::CheckCommitId(commit); !good) return good;
    const auto fitted = host::FittedStatus(status);
    if (!fitted) return fitted.error();
    if (hidden_commits_.contains(std::string(commit))) return Absent("NoSuchCommit", commit);
    auto& statuses = (*found)->statuses[std::string(commit)];
    if (const auto entry = statuses.find(fitted->context); entry != statuses.end() && entry->second == *fitted)
      return {};
    statuses.insert_or_assign(fitted->context, *fitted);
    counter_.CountWrite();
    return {};
  }

  api::Expected<bool> CommentOnMerge(std::string_view repository, std::string_view commit, std::string_view text,
                                     std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    auto found = Enter(repository, stop);
    if (!found) return found.error();
    if (auto good = host::CheckCommitId(commit); !good) return good.error();
    if (!merges_.contains({std::string(repository), std::string(commit)})) return false;
    if (std::exchange((*found)->comments[std::string(commit)], std::string(text)) != text) counter_.CountWrite();
    return true;
  }

  api::Expected<void> EnsurePrivateRepository(std::string_view repository,
                                              const std::map<std::string, std::string>& files,
                                              std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    const auto found = Enter(repository, stop);
    if (found) {
      if (!std::exchange((*found)->is_private, true)) counter_.CountWrite();
      return {};
    }
    if (found.error().reason != "NoSuchRepository") return found.error();
    if (hidden_.contains(std::string(repository)))
      return api::Error{api::Code::kForbidden, "RepositoryHidden",
                        std::string(repository) + " exists but this token may not see it"};
    if (auto good = host::CheckFirstFiles(files); !good) return good;
    const std::string organisation(host::ParseRepositoryName(repository)->organisation);
    if (missing_organisations_.contains(organisation)) return Absent("NoSuchOrganisation", organisation);
    repositories_[std::string(repository)] = {.is_private = true, .files = files};
    counter_.CountWrite();
    return {};
  }

  api::Expected<bool> EnsureCollaborator(std::string_view repository, std::string_view login,
                                         std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    auto found = Enter(repository, stop);
    if (!found) return found.error();
    if (auto good = host::CheckLogin(login); !good) return good.error();
    if (missing_logins_.contains(std::string(login))) return Absent("NoSuchLogin", login);
    const bool is_new = (*found)->collaborators.emplace(login).second;
    if (is_new) counter_.CountWrite();
    return is_new;
  }

  api::Expected<void> RemoveCollaborator(std::string_view repository, std::string_view login,
                                         std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    auto found = Enter(repository, stop);
    if (!found) return found.error();
    if (auto good = host::CheckLogin(login); !good) return good;
    if ((*found)->collaborators.erase(std::string(login)) > 0) counter_.CountWrite();
    return {};
  }

  /// A repository as it is now; none when it is not there.
  std::optional<Repository> Get(const std::string& repository) const {
    const std::lock_guard lock(mutex_);
    const auto entry = repositories_.find(repository);
    return entry == repositories_.end() ? std::nullopt : std::optional(entry->second);
  }
  /// Makes or replaces one by hand.
  void Put(const std::string& repository, Repository value) {
    const std::lock_guard lock(mutex_);
    repositories_.insert_or_assign(repository, std::move(value));
  }
  /// A repository that this token may not see: absent for all, and nobody can make it either.
  void Hide(const std::string& repository) {
    const std::lock_guard lock(mutex_);
    repositories_.erase(repository);
    hidden_.insert(repository);
  }
  void HideCommit(const std::string& commit) {
    const std::lock_guard lock(mutex_);
    hidden_commits_.insert(commit);
  }
  /// A pull request of that repository was merged by this commit.
  void Merge(const std::string& repository, const std::string& commit) {
    const std::lock_guard lock(mutex_);
    merges_.emplace(repository, commit);
  }
  /// All others are there.
  void RemoveOrganisation(const std::string& organisation) {
    const std::lock_guard lock(mutex_);
    missing_organisations_.insert(organisation);
  }
  /// All others are there.
  void RemoveLogin(const std::string& login) {
    const std::lock_guard lock(mutex_);
    missing_logins_.insert(login);
  }

  void FailNth(int n, api::Error error) {
    const std::lock_guard lock(mutex_);
    counter_.FailNth(n, std::move(error));
  }
  /// Every call fails so until it is taken back with no value: an outage.
  void FailAll(std::optional<api::Error> error) {
    const std::lock_guard lock(mutex_);
    outage_ = std::move(error);
  }
  int writes() const {
    const std::lock_guard lock(mutex_);
    return counter_.writes();
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return counter_.calls();
  }

 private:
  static api::Error Absent(const char* reason, std::string_view what) {
    return {api::Code::kNotFound, reason, std::string(what) + " is not on the forge"};
  }

  api::Expected<Repository*> Enter(std::string_view repository, const std::stop_token& stop) {
    if (auto error = counter_.Call()) return *error;
    if (outage_) return *outage_;
    if (stop.stop_requested()) return api::Error{api::Code::kUnavailable, "Stopped", "forge: we are stopping"};
    if (auto name = host::ParseRepositoryName(repository); !name) return name.error();
    const auto entry = repositories_.find(repository);
    if (entry == repositories_.end()) return Absent("NoSuchRepository", repository);
    return &entry->second;
  }

  const std::string base_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  CallCounter counter_;
  std::optional<api::Error> outage_;
  std::map<std::string, Repository, std::less<>> repositories_;
  std::set<std::string> hidden_;
  std::set<std::string> hidden_commits_;
  std::set<std::pair<std::string, std::string>> merges_;
  std::set<std::string> missing_organisations_;
  std::set<std::string> missing_logins_;
};

}  // namespace tests
