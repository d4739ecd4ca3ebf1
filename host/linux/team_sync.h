#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "host/linux/append_log.h"
#include "host/team_sync.h"

namespace host::linux {

/// Two files of mode 0600 in a directory that is there.
class TeamSyncFiles final : public TeamSync {
 public:
  explicit TeamSyncFiles(std::string directory)
      : directory_(std::move(directory)), log_(directory_ + "/reconcile.log") {}

  api::Expected<std::optional<TeamSyncState>> Read() const override;
  api::Expected<void> Write(const TeamSyncState& state) override;
  api::Expected<void> Log(std::string_view line) override { return log_.Append(line); }

 private:
  std::string path() const { return directory_ + "/state.toml"; }

  const std::string directory_;
  AppendFile log_;
  std::mutex writing_;  // One Write at a time.
};

}  // namespace host::linux
