#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"

namespace heroctl {

/// What a shell has to know of one command.
struct CommandWords {
  std::string name{};
  std::string help{};                  ///< One line.
  std::vector<std::string> options{};  ///< `-o`, `--output`
  std::vector<std::string> valued{};   ///< Those of them that a value follows.
  bool takes_objects = false;          ///< KIND, then NAME; both are asked from the daemon.
};

/// The script that `heroctl completion SHELL` prints, for bash, zsh or fish. Errors: kInvalid, naming these.
api::Expected<std::string> CompletionScript(std::string_view shell, const std::vector<CommandWords>& commands);

}  // namespace heroctl
