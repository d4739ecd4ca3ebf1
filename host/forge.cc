#include "host/forge.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/meta/words.h"

namespace host {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr std::size_t kPartBytesMax = 100;     // Forgejo's limit of a repository's name; its logins are shorter.
constexpr std::size_t kContextBytesMax = 100;  // Ours; forges have none, and pages show less.
constexpr std::string_view kEllipsis = "…";

bool IsLetterOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool IsNamePart(std::string_view part) {
  return !part.empty() && part.size() <= kPartBytesMax && part.front() != '.' && part.front() != '-' &&
         std::all_of(part.begin(), part.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.'; });
}

bool IsReserved(std::string_view name) {
  return name.ends_with(".git") || name.ends_with(".wiki") || name.ends_with(".rss") || name.ends_with(".atom");
}

bool IsControl(char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; }

bool IsFilePath(std::string_view path) {
  const auto is_plain = [](std::string_view part) {
    return !part.empty() && part != "." && part != ".." && part != ".git" &&
           std::none_of(part.begin(), part.end(), IsControl);
  };
  for (;;) {
    const std::size_t slash = path.find('/');
    if (!is_plain(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

constexpr std::array<std::pair<CommitState, std::string_view>, 4> kStates{{{CommitState::kPending, "pending"},
                                                                           {CommitState::kSuccess, "success"},
                                                                           {CommitState::kError, "error"},
                                                                           {CommitState::kFailure, "failure"}}};

}  // namespace

std::string_view CommitStateName(CommitState state) {
  return std::find_if(kStates.begin(), kStates.end(), [&](const auto& row) { return row.first == state; })->second;
}

std::optional<CommitState> CommitStateOf(std::string_view name) {
  const auto row = std::find_if(kStates.begin(), kStates.end(), [&](const auto& each) { return each.second == name; });
  return row == kStates.end() ? std::nullopt : std::optional(row->first);
}

Expected<RepositoryName> ParseRepositoryName(std::string_view repository) {
  const std::size_t slash = repository.find('/');
  if (slash != std::string_view::npos) {
    const RepositoryName parts{repository.substr(0, slash), repository.substr(slash + 1)};
    if (IsNamePart(parts.organisation) && IsNamePart(parts.name) && !IsReserved(parts.name)) return parts;
  }
  return Error{Code::kInvalid, "InvalidRepositoryName",
               "this is no name of a repository; write org/name with letters, digits, -, _ and . in each part"};
}

Expected<void> CheckCommitId(std::string_view commit) {
  const bool is_hex = std::all_of(commit.begin(), commit.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (is_hex && (commit.size() == 40 || commit.size() == 64)) return {};
  return Error{Code::kInvalid, "InvalidCommit", "this is no commit; all of its 40 or 64 hex digits are needed"};
}

Expected<void> CheckLogin(std::string_view login) {
  if (IsNamePart(login)) return {};
  return Error{Code::kInvalid, "InvalidLogin", "this is no name of an account; it has letters, digits, -, _ and ."};
}

Expected<void> CheckFirstFiles(const std::map<std::string, std::string>& files) {
  if (!files.empty() &&
      std::all_of(files.begin(), files.end(), [](const auto& file) { return IsFilePath(file.first); }))
    return {};
  return Error{
      Code::kInvalid, "InvalidFilePath",
      "a first commit needs files, each with a path that git takes: relative, without .., .git and empty parts"};
}

Expected<CommitStatus> FittedStatus(const CommitStatus& status) {
  const bool is_line = std::none_of(status.context.begin(), status.context.end(), IsControl);
  CommitStatus fitted{.context = std::string(api::Trimmed(status.context)), .state = status.state};
  if (!is_line || fitted.context.empty() || fitted.context.size() > kContextBytesMax)
    return Error{Code::kInvalid, "InvalidStatusContext",
                 "the context of a commit status has to be one line of 1 to 100 bytes"};
  std::string text = status.description;
  std::replace_if(text.begin(), text.end(), IsControl, ' ');
  fitted.description = api::Trimmed(text);
  if (fitted.description.size() > kDescriptionBytesMax) {
    std::size_t end = kDescriptionBytesMax - kEllipsis.size();
    while (end > 0 && (static_cast<unsigned char>(fitted.description[end]) & 0xC0U) == 0x80U) --end;
    fitted.description.resize(end);
    fitted.description += kEllipsis;
  }
  return fitted;
}

std::optional<std::string> RepositoryBelow(std::string_view base, std::string_view location) {
  if (location.size() <= base.size() || !location.starts_with(base) || location[base.size()] != '/')
    return std::nullopt;
  location.remove_prefix(base.size() + 1);
  if (location.ends_with('/')) location.remove_suffix(1);
  if (location.ends_with(".git")) location.remove_suffix(4);
  if (!ParseRepositoryName(location)) return std::nullopt;
  return std::string(location);
}

}  // namespace host
