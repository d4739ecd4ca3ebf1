#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"

namespace host::priv {

/// Whom sudoers names, in lower case, as sudo compares them. Read wider than sudo does: every word that could be a name
/// counts, wherever it stands, so a name that is there is never missed; one that is only mentioned counts as well.
struct SudoersNames {
  std::set<std::string, std::less<>> accounts{};  ///< `alice`, and every other word.
  std::set<std::string, std::less<>> groups{};    ///< `%staff`, without the sign.
  std::set<std::int64_t> uids{};                  ///< `#1000`.
  std::set<std::int64_t> gids{};                  ///< `%#100`.

  void Add(const SudoersNames& more);
};

/// A file of sudoers as far as it matters here.
struct SudoersFile {
  SudoersNames names{};
  std::vector<std::string> includes{};  ///< As written; files and directories.
};

/// Reads the text of one file. Comments do not count.
SudoersFile ParseSudoers(std::string_view text);

/// Whom /etc/sudoers, /etc/sudoers.d and what they include name, below `root` (empty: the machine's own). Nobody where
/// there are none. Errors: kUnavailable `SudoersUnreadable` for what is there and cannot be read or followed.
api::Expected<SudoersNames> ReadSudoers(const std::string& root);

}  // namespace host::priv
