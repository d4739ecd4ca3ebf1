#pragma once

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
  std::optional<BranchHeads> mirror{};  ///< No value: there is no mirror yet.
  std::optional<BranchHeads>
      origin{};  ///< Of a file:// origin, which costs nothing to read; a network one is not known.
  std::optional<api::Error> origin_error{};
  std::optional<reconciler::TaskState> fetch{};  ///< The newest one.
};

/// Keeps a bare mirror of each repository close to its origin: fetches when the origin is seen to differ, and every
/// interval.
class RepositoryController final : public reconciler::Controller<api::v1::Repository, RepositoryState> {
 public:
  /// Git is thread-safe and outlives this.
  RepositoryController(host::Git& git, host::BoxPaths paths) : git_(git), paths_(std::move(paths)) {}

  api::Expected<RepositoryState> Observe(const api::v1::Repository& object,
                                         const reconciler::Reader& reader) const override;
  reconciler::Plan Diff(const api::v1::Repository& object, const RepositoryState& state, api::Time now) const override;
  api::v1::RepositoryStatus Report(const api::v1::Repository& object, const RepositoryState& state,
                                   const reconciler::Results& results) const override;

 private:
  host::Git& git_;
  const host::BoxPaths paths_;
};

}  // namespace controllers
