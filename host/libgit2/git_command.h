#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "host/libgit2/git.h"
#include "host/processes.h"

namespace host::libgit2 {

/// Errors: kInvalid unless it is a file:// or https:// URL without a name or token in it, for arguments are seen by
/// everybody on the box.
api::Expected<void> CheckUrl(std::string_view url);

/// The environment in which git fetches from that URL: what its own programs and the askpass program need, and nothing
/// of ours. `mirror` is a directory of ours that is there. Errors: kForbidden (the token file), kUnavailable.
api::Expected<std::map<std::string, std::string>> FetchEnvironment(std::string_view url, const std::string& mirror,
                                                                   const ForgeAccess& access);

/// git with these arguments, and with what every git of ours is told, whatever a configuration says.
Command GitCommand(const std::vector<std::string>& arguments, std::map<std::string, std::string> environment);

/// Why git failed: kUnavailable with its own words; kForbidden when it is about the token.
api::Error WhyGitFailed(const std::string& what, const Finished& finished);

}  // namespace host::libgit2
