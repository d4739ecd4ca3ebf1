#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"

namespace host {

enum class CommitState { kPending, kSuccess, kError, kFailure };

/// As forges write it: `pending`, `success`, `error`, `failure`.
std::string_view CommitStateName(CommitState state);
/// No value for another word.
std::optional<CommitState> CommitStateOf(std::string_view name);

/// A result that the forge shows at a commit. The newest of one context counts.
struct CommitStatus {
  std::string context{};  ///< Who says it, as in `herobox/reconcile`.
  CommitState state = CommitState::kPending;
  std::string description{};  ///< One line, at most kDescriptionBytesMax; what is longer is cut when it is posted.

  bool operator==(const CommitStatus&) const = default;
};

inline constexpr std::size_t kDescriptionBytesMax = 140;  ///< What the pages of a forge show of it.

/// The place where repositories, pull requests and releases are. Repositories are named `org/name`; commits by all
/// their hex digits. Every call may use the network and take as long as its own deadline (30 s), so only tasks call
/// them. All may be repeated: each looks for its own trace first. Errors of all: kUnavailable (try again; also when
/// stop was asked for), kTimeout, kForbidden (the token lacks a right: which), kNotFound (no such repository, or none
/// that we may see), kInvalid (a name that is none). Thread-safe.
class Forge {
 public:
  virtual ~Forge() = default;

  /// `org/name` of a git URL of this forge; none when it is elsewhere. No network.
  virtual std::optional<std::string> RepositoryOf(std::string_view url) const = 0;

  /// The newest status of each context at a commit, sorted by context. None for a commit that is not there.
  virtual api::Expected<std::vector<CommitStatus>> Statuses(std::string_view repository, std::string_view commit,
                                                            std::stop_token stop) = 0;

  /// Posts a status, as FittedStatus makes it; what already says the same writes nothing. Errors beside: kNotFound with
  /// the reason `NoSuchCommit`.
  virtual api::Expected<void> PostStatus(std::string_view repository, std::string_view commit,
                                         const CommitStatus& status, std::stop_token stop) = 0;

  /// Writes or replaces our one comment on the pull request that this commit merged. False: no pull request has this
  /// commit as its merge, so nothing was written. A merge's push may be seen some seconds before the forge knows the
  /// pull request as merged: who cares asks again.
  virtual api::Expected<bool> CommentOnMerge(std::string_view repository, std::string_view commit,
                                             std::string_view text, std::stop_token stop) = 0;

  /// Makes a private repository whose first commit, on its default branch, holds `files` (path to content; one at
  /// least). One that is there already keeps its content; it is made private if it is not, and one that has no commit
  /// yet (we were stopped half-way) gets its first. Errors beside: kForbidden when it is there but hidden from us;
  /// kNotFound with the reason `NoSuchOrganisation`.
  virtual api::Expected<void> EnsurePrivateRepository(std::string_view repository,
                                                      const std::map<std::string, std::string>& files,
                                                      std::stop_token stop) = 0;

  /// Lets an account of the forge read and write a repository. True: it was added; false: it had been let in before.
  /// Errors beside: kNotFound with the reason `NoSuchLogin`.
  virtual api::Expected<bool> EnsureCollaborator(std::string_view repository, std::string_view login,
                                                 std::stop_token stop) = 0;

  /// Takes that away again. An account that has no access, or is none, is a success.
  virtual api::Expected<void> RemoveCollaborator(std::string_view repository, std::string_view login,
                                                 std::stop_token stop) = 0;
};

/// The two parts of `org/name`: letters, digits, `-`, `_` and `.`, at most 100 each, none begins with `.` or `-`, and
/// the name does not end as forges reserve it (`.git`, `.wiki`, `.rss`, `.atom`). Views into the argument.
struct RepositoryName {
  std::string_view organisation{};
  std::string_view name{};
};
api::Expected<RepositoryName> ParseRepositoryName(std::string_view repository);

/// Errors: kInvalid unless it is 40 or 64 lower-case hex digits.
api::Expected<void> CheckCommitId(std::string_view commit);

/// Errors: kInvalid unless a login has the form of one part of a repository's name.
api::Expected<void> CheckLogin(std::string_view login);

/// Errors: kInvalid unless there is a file, and each path is one that git takes: not absolute, not climbing (`..`), not
/// git's own (`.git`), without empty parts.
api::Expected<void> CheckFirstFiles(const std::map<std::string, std::string>& files);

/// The status as a forge keeps it: control characters are blanks, none at either end, a long description is cut at a
/// character's border and ends in `…`. Errors: kInvalid when the context is empty, above 100 bytes or not one line.
api::Expected<CommitStatus> FittedStatus(const CommitStatus& status);

/// `org/name` of `location` when it is `<base>/org/name`, `.git` and a slash at the end allowed. Both without a slash
/// at the end of `base`.
std::optional<std::string> RepositoryBelow(std::string_view base, std::string_view location);

}  // namespace host
