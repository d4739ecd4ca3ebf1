#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"

namespace host {

enum class CommitState { kPending, kSuccess, kError, kFailure };

/// A result that the forge shows at a commit. The newest of one context counts.
struct CommitStatus {
  std::string context{};  ///< Who says it, as in `herobox/reconcile`.
  CommitState state = CommitState::kPending;
  std::string description{};  ///< One line, at most 140 characters.

  bool operator==(const CommitStatus&) const = default;
};

/// The place where repositories, pull requests and releases are. Repositories are named `org/name`; commits by all
/// their hex digits. Every call may use the network and take as long as its own deadline (30 s), so only tasks call
/// them. All may be repeated: each looks for its own trace first. Errors of all: kUnavailable (try again), kTimeout,
/// kForbidden (the token lacks a right: which), kNotFound (no such repository), kInvalid (a name that is none).
/// Thread-safe.
class Forge {
 public:
  virtual ~Forge() = default;

  /// `org/name` of a git URL of this forge; none when it is elsewhere. No network.
  virtual std::optional<std::string> RepositoryOf(std::string_view url) const = 0;

  /// The newest status of each context at a commit, sorted by context.
  virtual api::Expected<std::vector<CommitStatus>> Statuses(std::string_view repository, std::string_view commit,
                                                            std::stop_token stop) = 0;

  /// Posts a status; what already says the same writes nothing.
  virtual api::Expected<void> PostStatus(std::string_view repository, std::string_view commit,
                                         const CommitStatus& status, std::stop_token stop) = 0;

  /// Writes or replaces our one comment on the pull request that this commit merged. False: no pull request has this
  /// commit as its merge, so nothing was written.
  virtual api::Expected<bool> CommentOnMerge(std::string_view repository, std::string_view commit,
                                             std::string_view text, std::stop_token stop) = 0;

  /// Makes a private repository whose first commit, on its default branch, holds `files` (path to content). One that
  /// is there already keeps its content; it is made private if it is not. Errors beside: kForbidden when it is there
  /// but hidden from us.
  virtual api::Expected<void> EnsurePrivateRepository(std::string_view repository,
                                                      const std::map<std::string, std::string>& files,
                                                      std::stop_token stop) = 0;

  /// Lets an account of the forge read and write a repository. Errors beside: kNotFound when there is no such account.
  virtual api::Expected<void> EnsureCollaborator(std::string_view repository, std::string_view login,
                                                 std::stop_token stop) = 0;
};

}  // namespace host
