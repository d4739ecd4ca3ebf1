#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "host/git.h"

namespace controllers {

/// The files of hero_team as they stand somewhere: at a commit, or in a directory that somebody works in.
class TeamTree {
 public:
  virtual ~TeamTree() = default;

  /// The entries of a directory, sorted by name; empty names the top. Errors: kNotFound when there is none.
  virtual api::Expected<std::vector<host::TreeEntry>> List(std::string_view directory) const = 0;

  /// The content of a regular file. Errors: kInvalid when it is larger than `bytes_max`.
  virtual api::Expected<std::string> Read(std::string_view directory, const host::TreeEntry& entry,
                                          std::size_t bytes_max) const = 0;
};

/// A commit of a bare repository. Git outlives it.
class CommitTree final : public TeamTree {
 public:
  CommitTree(const host::Git& git, std::string repository, std::string commit)
      : git_(git), repository_(std::move(repository)), commit_(std::move(commit)) {}

  api::Expected<std::vector<host::TreeEntry>> List(std::string_view directory) const override {
    return git_.ListTree(repository_, commit_, directory);
  }
  api::Expected<std::string> Read(std::string_view, const host::TreeEntry& entry,
                                  std::size_t bytes_max) const override {
    return git_.ReadBlob(repository_, entry.blob, bytes_max);
  }

 private:
  const host::Git& git_;
  const std::string repository_;
  const std::string commit_;
};

}  // namespace controllers
