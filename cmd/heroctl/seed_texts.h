#pragma once

#include <string>
#include <string_view>

namespace heroctl {

/// What `seed` writes beside the members.
inline constexpr std::string_view kSeedReadme = R"(# hero_team: who is on the box

Read at the head of the branch `development`, whole, every time it moves.

| file | what it declares |
| --- | --- |
| `users/<name>.toml` | one member: the file's name is the account's name |
| `manifest_templates/<role>.toml` | what a new slot starts with; a member names it as `manifest_template` |

A change is a pull request. `heroctl validate .` says what is wrong with it and `heroctl plan .` what it would do, both
without a box, so a check of the pull request can run them. Merged, it is applied at once; a file that is wrong is
reported with its line, keeps what it said last, and holds up nobody else.

These files were written by `heroctl seed` from the accounts of a box: `adopt = true` takes an existing account over. Read
them before you push.
)";

inline constexpr std::string_view kSeedIntegration =
    R"(# The slot that always runs the newest of everything, built on this box. Nobody logs in to it.
name              = "integration"
ssh_pubkeys       = []
groups            = []
branch_suffix     = "integration"
manifest_template = "integration"
)";

/// A template with one service, to be filled in.
inline std::string SeedTemplate(std::string_view org, std::string_view from) {
  const std::string what = from == "build" ? "Built here from every commit" : "The latest release of each";
  return "# " + what +
         ", on the branch development. A [[bind]] for each service.\n[[bind]]\nservice = \"hero_proc\"\nrepo    = \"" +
         std::string(org) + "/hero_proc\"\nbranch  = \"development\"\nfrom    = \"" + std::string(from) + "\"\n";
}

}  // namespace heroctl
