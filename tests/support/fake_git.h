#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/codec/text.h"
#include "host/git.h"
#include "tests/support/call_counter.h"

namespace tests {

/// Repositories in memory, named by path or by URL. Objects are in one pool: what a commit id names can be read through
/// every repository that exists. Ids are 40 hex digits and depend on content alone. Thread-safe.
class FakeGit final : public host::Git {
 public:
  using Files = std::map<std::string, std::string>;  ///< Path in the tree to content.
  using Branches = std::map<std::string, std::string>;

  api::Expected<Branches> Heads(std::string_view repository) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = Enter(repository)) return *error;
    return repositories_.find(repository)->second;
  }

  api::Expected<std::vector<host::TreeEntry>> ListTree(std::string_view repository, std::string_view commit,
                                                       std::string_view directory) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = Enter(repository)) return *error;
    if (!IsId(commit)) return NoId(commit);
    const auto found = commits_.find(commit);
    if (found == commits_.end()) return Absent("commit " + std::string(commit));
    const std::string prefix = directory.empty() ? "" : std::string(directory) + "/";
    std::map<std::string, host::TreeEntry> entries;
    for (const auto& [path, content] : found->second.files) {
      if (!path.starts_with(prefix)) continue;
      const std::string rest = path.substr(prefix.size());
      const std::string name = rest.substr(0, rest.find('/'));
      const bool is_file = name == rest;
      entries[name] = {.name = name, .blob = is_file ? IdOf(content) : IdOf(prefix + name), .is_file = is_file};
    }
    if (entries.empty() && !prefix.empty()) return Absent("directory " + std::string(directory));
    std::vector<host::TreeEntry> list;
    list.reserve(entries.size());
    for (auto& [name, entry] : entries) list.push_back(std::move(entry));
    return list;
  }

  api::Expected<std::string> ReadBlob(std::string_view repository, std::string_view blob,
                                      std::size_t bytes_max) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = Enter(repository)) return *error;
    if (!IsId(blob)) return NoId(blob);
    const auto found = blobs_.find(blob);
    if (found == blobs_.end()) return Absent("blob " + std::string(blob));
    if (found->second.size() <= bytes_max) return found->second;
    return api::Error{api::Code::kInvalid, "BlobTooLarge", "blob " + std::string(blob) + " is too large"};
  }

  api::Expected<bool> Contains(std::string_view repository, std::string_view commit,
                               std::string_view ancestor) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = Enter(repository)) return *error;
    if (!IsId(commit)) return NoId(commit);
    if (!IsId(ancestor)) return NoId(ancestor);
    if (!commits_.contains(commit)) return Absent("commit " + std::string(commit));
    if (!commits_.contains(ancestor)) return Absent("commit " + std::string(ancestor));
    for (std::string at(commit); !at.empty(); at = commits_.at(at).parent) {
      if (at == ancestor) return true;
    }
    return false;
  }

  api::Expected<std::string> SignatureFault(std::string_view repository, std::string_view commit, std::string_view,
                                            std::stop_token) const override {
    const std::lock_guard lock(mutex_);
    if (auto error = Enter(repository)) return *error;
    if (!IsId(commit)) return NoId(commit);
    if (!commits_.contains(commit)) return Absent("commit " + std::string(commit));
    return std::string(signed_.contains(commit) ? "" : "is not signed");
  }

  api::Expected<void> Fetch(std::string_view url, std::string_view mirror, const host::FetchOptions&,
                            std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    if (stop.stop_requested()) return api::Error{api::Code::kUnavailable, "Stopped", "fetch: we are stopping"};
    const auto remote = repositories_.find(url);
    if (remote == repositories_.end()) {
      return api::Error{api::Code::kUnavailable, "FetchFailed", "fetch " + std::string(url) + ": no such repository"};
    }
    const auto [local, is_new] = repositories_.try_emplace(std::string(mirror));
    if (is_new || local->second != remote->second) counter_.CountWrite();
    local->second = remote->second;
    return {};
  }

  api::Expected<void> RemoveMirror(std::string_view mirror) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    if (repositories_.erase(std::string(mirror)) > 0) counter_.CountWrite();
    return {};
  }

  api::Expected<bool> MakeFirstCommit(std::string_view repository, const Files& files) override {
    const std::lock_guard lock(mutex_);
    if (auto error = counter_.Call()) return *error;
    if (!repositories_[std::string(repository)].empty()) return false;
    CommitLocked(repository, "main", files);
    counter_.CountWrite();
    return true;
  }

  /// An empty repository, if there is none.
  void Make(std::string_view repository) {
    const std::lock_guard lock(mutex_);
    repositories_.try_emplace(std::string(repository));
  }
  /// Puts a commit with exactly these files on top of a branch, and makes what is absent. Its id.
  std::string Commit(std::string_view repository, const std::string& branch, const Files& files) {
    const std::lock_guard lock(mutex_);
    return CommitLocked(repository, branch, files);
  }
  /// Points a branch anywhere: a rewritten history. No commit: the branch goes.
  void SetHead(std::string_view repository, const std::string& branch, const std::string& commit) {
    const std::lock_guard lock(mutex_);
    Branches& branches = repositories_[std::string(repository)];
    if (commit.empty()) {
      branches.erase(branch);
    } else {
      branches[branch] = commit;
    }
  }

  /// An allowed signer has signed it.
  void Sign(const std::string& commit) {
    const std::lock_guard lock(mutex_);
    signed_.insert(commit);
  }

  void FailNth(int n, api::Error error) {
    const std::lock_guard lock(mutex_);
    counter_.FailNth(n, std::move(error));
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
  struct Snapshot {
    std::string parent{};
    Files files{};
  };

  std::string CommitLocked(std::string_view repository, const std::string& branch, const Files& files) {
    std::string& head = repositories_[std::string(repository)][branch];
    std::string text = "parent " + head;
    for (const auto& [path, content] : files) {
      blobs_[IdOf(content)] = content;
      text += "\n" + path + " " + IdOf(content);
    }
    const std::string id = IdOf(text);
    commits_[id] = {.parent = head, .files = files};
    return head = id;
  }

  static std::string IdOf(std::string_view content) { return api::codec::Sha256Hex(content).substr(0, 40); }
  static bool IsId(std::string_view id) {
    return id.size() == 40 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  }
  static api::Error NoId(std::string_view id) {
    return {api::Code::kInvalid, "InvalidId", std::string(id) + " is no id"};
  }
  static api::Error Absent(const std::string& what) {
    return {api::Code::kNotFound, "NotFound", what + " is not there"};
  }

  std::optional<api::Error> Enter(std::string_view repository) const {
    if (auto error = counter_.Call()) return error;
    if (!repositories_.contains(repository)) return Absent("repository " + std::string(repository));
    return std::nullopt;
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  mutable CallCounter counter_;  // Reading counts too.
  std::map<std::string, Branches, std::less<>> repositories_;
  std::map<std::string, Snapshot, std::less<>> commits_;
  std::map<std::string, std::string, std::less<>> blobs_;
  std::set<std::string, std::less<>> signed_;
};

}  // namespace tests
