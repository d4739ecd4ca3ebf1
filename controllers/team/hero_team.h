#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/meta/expected.h"
#include "api/v1/manifest_template.h"
#include "api/v1/team.h"
#include "api/v1/user.h"
#include "controllers/manifest/manifest_file.h"
#include "controllers/team/team_tree.h"
#include "controllers/team/user_file.h"

namespace controllers {

/// What hero_team may ask for on this box.
struct TeamRules {
  UserRules users{};
  ManifestRules manifests{};
  std::string signers{};  ///< Path of ssh's file of allowed signers, of whom one has to have signed a new head; empty:
                          ///< nobody has to.
};

/// `users/<stem>.toml`: the member that it declares, or why it declares none.
struct UserDeclaration {
  std::string path{};
  std::string blob{};  ///< Empty: what no blob tells (a link, a directory, a file that nobody committed).
  UserFilePlaces places{};
  api::Expected<api::v1::UserSpec> spec{api::Error{}};
};

/// `manifest_templates/<role>.toml`.
struct TemplateDeclaration {
  std::string path{};
  std::string blob{};
  api::Expected<api::v1::ManifestTemplateSpec> spec{api::Error{}};
};

/// All that a tree of hero_team declares, file by file.
struct HeroTeam {
  std::map<std::string, UserDeclaration> users{};          ///< By the file's stem.
  std::map<std::string, TemplateDeclaration> templates{};  ///< By the file's stem.
};

/// Reads the whole tree. A file that is wrong is wrong alone. What `before` read from the same blobs by the same rules
/// is taken from there, so that a look at 10 000 files that did not change costs no more than listing them. A tree
/// without users/ declares nobody, if README.md or manifest_templates/ show that it is hero_team: git keeps no empty
/// directory. Errors: kInvalid `NotHeroTeam`, `NotADirectory`, `TooManyFiles`; those of reading, for a tree that was
/// read in part says nothing.
api::Expected<HeroTeam> ReadHeroTeam(const TeamTree& tree, const TeamRules& rules, const HeroTeam* before = nullptr);

/// What holds beside the files: what they said last, where they are wrong now.
struct InForce {
  std::map<std::string, api::v1::UserSpec> users{};  ///< By user name.
  std::set<std::string> roles{};                     ///< Of templates.
  std::optional<std::set<std::string>> org_keys{};   ///< No value: not known, so nothing is said about them.
};

/// Refuses what only shows when files are laid side by side: a template that is not there, a key of the organisation
/// that is not known, an SSH key or a branch suffix of two members (both files are refused; where one of them is in
/// force already by what it said last, the other). Errors as in ReadUserFile, both files named.
void CheckTogether(HeroTeam& team, const InForce& in_force);

/// The files that are wrong, users first, each sorted by path; 100 at most, the last says how many more.
std::vector<api::v1::FileProblem> ProblemsOf(const HeroTeam& team);

/// How many files are wrong.
std::int64_t ProblemCount(const HeroTeam& team);

}  // namespace controllers
