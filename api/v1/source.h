#pragma once

#include <optional>
#include <string>

namespace api::v1 {

/// Where in hero_team something is declared. The blob, not the commit: a commit that leaves the file alone leaves what
/// it declares alone.
struct FileSource {
  std::string path{};
  std::string blob{};                    ///< Of the version that is in force.
  std::optional<std::string> problem{};  ///< Why the file as it stands now is not applied; no value: it is.

  bool operator==(const FileSource&) const = default;

  static void Fields(auto& self, auto&& field) {
    field("path", self.path);
    field("blob", self.blob);
    field("problem", self.problem);
  }
};

}  // namespace api::v1
