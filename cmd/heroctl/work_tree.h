#pragma once

#include <string>
#include <utility>

#include "controllers/team/team_tree.h"

namespace heroctl {

/// hero_team as it lies in a directory, committed or not. Links are entries and are not followed.
class WorkTree final : public controllers::TeamTree {
 public:
  explicit WorkTree(std::string directory) : directory_(std::move(directory)) {}

  api::Expected<std::vector<host::TreeEntry>> List(std::string_view directory) const override;
  api::Expected<std::string> Read(std::string_view directory, const host::TreeEntry& entry,
                                  std::size_t bytes_max) const override;

 private:
  const std::string directory_;
};

}  // namespace heroctl
