#include "host/linux/team_sync.h"

#include <cerrno>
#include <cstdio>

#include "api/codec/fields.h"
#include "api/codec/json.h"
#include "api/codec/toml.h"
#include "host/linux/files.h"

namespace host::linux {
namespace {

using api::Expected;

constexpr std::size_t kFileBytesMax = 64u << 10;
constexpr mode_t kFileMode = 0600;

/// The state with the names of the file.
struct StateFile : TeamSyncState {
  static void Fields(auto& self, auto&& field) {
    field("url", self.url);
    field("branch", self.branch);
    field("last_synced_commit", self.last_synced_commit);
    field("last_synced_at", self.last_synced_at);
    field("accepted_commit", self.accepted_commit);
    field("users", self.users);
    field("templates", self.templates);
    field("problems", self.problems);
    field("result", self.result);
  }
};

std::string ToToml(const TeamSyncState& state) {
  StateFile file;
  static_cast<TeamSyncState&>(file) = state;
  std::string text =
      "# Written by herod after each commit of hero_team that it tried whole. reconcile.log has them all.\n";
  // A text and a whole number are written alike in JSON and TOML.
  StateFile::Fields(file, [&](std::string_view name, const auto& value) {
    text.append(name).append(" = ").append(api::codec::WriteJson(api::Json(value))).append("\n");
  });
  return text;
}

}  // namespace

Expected<std::optional<TeamSyncState>> TeamSyncFiles::Read() const {
  auto text = ReadFile(path(), kFileBytesMax);
  if (!text && text.error().code == api::Code::kNotFound) return std::optional<TeamSyncState>();
  if (!text) return text.error();
  auto document = api::codec::ParseToml(*text, path());
  if (!document) return document.error();
  auto file = api::codec::Decode<StateFile>(document->value);
  if (!file) return document->At(file.error());
  if (file->last_synced_commit.empty() && file->accepted_commit.empty())
    return api::Error{api::Code::kInvalid, "InvalidState", path() + ": names no last_synced_commit"};
  return std::optional<TeamSyncState>(*std::move(file));
}

Expected<void> TeamSyncFiles::Write(const TeamSyncState& state) {
  const std::lock_guard lock(writing_);
  const auto before = Read();
  const bool is_garbage = !before && before.error().code == api::Code::kInvalid;
  if (is_garbage && std::rename(path().c_str(), (path() + ".unreadable").c_str()) != 0)
    return SystemError("keep " + path() + " aside", errno);
  return ReplaceFile(path(), ToToml(state), kFileMode);
}

}  // namespace host::linux
