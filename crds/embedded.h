#pragma once

#include <span>
#include <string_view>

/// The CustomResourceDefinitions of this folder, carried inside the program.
namespace crds {

struct EmbeddedFile {
  std::string_view name{};  ///< `hero.dev_users.yaml`
  std::string_view text{};
};

std::span<const EmbeddedFile> Files();

}  // namespace crds
