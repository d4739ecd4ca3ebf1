#pragma once

#include <chrono>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"

namespace host {

/// An entry of one directory of a commit's tree.
struct TreeEntry {
  std::string name{};
  std::string blob{};    ///< Object id, 40 hex digits.
  bool is_file = false;  ///< A regular file; false for directories, links, submodules.

  bool operator==(const TreeEntry&) const = default;
};

struct FetchOptions {
  std::chrono::milliseconds deadline{std::chrono::minutes(2)};  ///< For the whole of it; the child is killed then.
};

/// Bare git repositories on this machine, and fetching into them. Ids are 40 hex digits; what is none is kInvalid.
/// Thread-safe.
class Git {
 public:
  virtual ~Git() = default;

  /// Branch heads of the bare repository at that path (packed and loose): branch name to commit id. No network, no
  /// exec. Errors: kNotFound when there is no repository, kUnavailable when it cannot be read.
  virtual api::Expected<std::map<std::string, std::string>> Heads(std::string_view repository) const = 0;

  /// The entries of one directory at a commit, sorted by name; empty names the top. An absent directory is kNotFound.
  virtual api::Expected<std::vector<TreeEntry>> ListTree(std::string_view repository, std::string_view commit,
                                                         std::string_view directory) const = 0;

  /// The bytes of a blob. Errors: kInvalid when it is larger than `bytes_max`, kNotFound.
  virtual api::Expected<std::string> ReadBlob(std::string_view repository, std::string_view blob,
                                              std::size_t bytes_max) const = 0;

  /// Whether `ancestor` is in the history of `commit` (a commit is in its own). kNotFound when either is not there.
  virtual api::Expected<bool> Contains(std::string_view repository, std::string_view commit,
                                       std::string_view ancestor) const = 0;

  /// Why no allowed signer has signed a commit, in words that follow its name (`is not signed`); empty: one has.
  /// `signers` is the path of ssh's file of allowed signers. Runs git and ssh-keygen as children, so only tasks call
  /// it. Errors: kNotFound when the commit is not there, kForbidden when that file cannot be read or others may write
  /// it, kUnavailable, kTimeout.
  virtual api::Expected<std::string> SignatureFault(std::string_view repository, std::string_view commit,
                                                    std::string_view signers, std::stop_token stop) const = 0;

  /// Makes the bare mirror at `mirror` hold exactly the branches of `url`; creates it when absent. Runs git as a child
  /// with hooks off, no prompt, no submodules, only file and https; killed with all its children at the deadline or on
  /// stop. A failed fetch leaves the branches of the mirror as they were. A remote without any branch is a success.
  /// A mirror that is broken is replaced by a new one, once that is whole. Errors: kInvalid (another kind of URL, one
  /// with a name or token in it, a mirror that is not absolute), kForbidden (the server wants another token, or one at
  /// all), kUnavailable with git's own reason, kTimeout.
  virtual api::Expected<void> Fetch(std::string_view url, std::string_view mirror, const FetchOptions& options,
                                    std::stop_token stop) = 0;

  /// Removes a mirror with everything in it. An absent one is success. Errors: kUnavailable; kInvalid when it is no
  /// bare repository, for then something else is there.
  virtual api::Expected<void> RemoveMirror(std::string_view mirror) = 0;

  /// Gives the bare repository at an absolute path its first commit, with these files (path to content), on its default
  /// branch; makes the repository when it is absent, with `main` as that branch. False: it has a branch already, and
  /// nothing was written. What a run that was cut off left is completed. Errors: kInvalid (a path that git does not
  /// take), kUnavailable.
  virtual api::Expected<bool> MakeFirstCommit(std::string_view repository,
                                              const std::map<std::string, std::string>& files) = 0;
};

}  // namespace host
