#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "api/v1/repository.h"
#include "host/box_paths.h"
#include "host/git.h"
#include "reconciler/controller.h"

namespace controllers {

using BranchHeads = std::map<std::string, std::string>;  ///< Commit by branch.

struct RepositoryState {
  std::optional<BranchHeads> mirror{};       ///< No value: there is no mirror yet, or none that can be read.
  std::optional<api::Error> mirror_error{};  ///< It is there and cannot be read.
  std::optional<BranchHeads>
      origin{};  ///< Of a file:// origin, which costs nothing to read; a network one is not known.
  std::optional<api::Error> origin_error{};
  std::optional<reconciler::TaskState> fetch{};  ///< The newest one.
  BranchHeads rewritten{};                       ///< Branches that lack a commit that they had, with that commit.
};

struct RepositoryOptions {
  std::chrono::milliseconds interval{std::chrono::minutes(5)};  ///< Of repositories that name none ([repos].interval).
  /// 0 to 100: polls of many repositories are spread over so much of their interval ([follow].jitter).
  int jitter_percent = 10;
};

/// Keeps a bare mirror of each repository close to its origin: fetches when the origin is seen to differ, when the
/// mirror cannot be read, and every interval. Tells which branches were rewritten.
class RepositoryController final : public reconciler::Controller<api::v1::Repository, RepositoryState> {
 public:
  /// Git is thread-safe and outlives this.
  RepositoryController(host::Git& git, host::BoxPaths paths, const RepositoryOptions& options = {})
      : git_(git), paths_(std::move(paths)), options_(options) {}

  api::Expected<RepositoryState> Observe(const api::v1::Repository& object,
                                         const reconciler::Reader& reader) const override;
  reconciler::Plan Diff(const api::v1::Repository& object, const RepositoryState& state, api::Time now) const override;
  api::v1::RepositoryStatus Report(const api::v1::Repository& object, const RepositoryState& state,
                                   const reconciler::Results& results) const override;

 private:
  api::Expected<BranchHeads> RewrittenOf(const api::v1::Repository& object, const RepositoryState& state) const;

  host::Git& git_;
  const host::BoxPaths paths_;
  const RepositoryOptions options_;
};

}  // namespace controllers
