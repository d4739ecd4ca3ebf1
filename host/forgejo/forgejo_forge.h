#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/clock.h"
#include "host/forge.h"
#include "host/forge_url.h"
#include "host/forgejo/api.h"
#include "host/forgejo/http_client.h"

namespace host::forgejo {

struct ForgejoOptions {
  std::string url{};         ///< `https://host[:port][/root]`
  std::string token_file{};  ///< Of mode 0600. Its token needs the scopes read:user and write:organization, repository
                             ///< and issue.
  std::string ca_file{};     ///< Further certificates to trust, PEM; empty: the machine's alone.
  std::chrono::milliseconds deadline{std::chrono::seconds(30)};  ///< Of each operation, all its requests together.
};

/// Forgejo over HTTPS. An operation is some requests of which each failing write is read back before it counts as
/// failed; nothing is written twice.
class ForgejoForge final : public Forge {
 public:
  /// Errors: kInvalid when the URL is none. The clock is thread-safe and outlives it.
  static api::Expected<std::unique_ptr<ForgejoForge>> Create(ForgejoOptions options, const Clock& clock);

  std::optional<std::string> RepositoryOf(std::string_view url) const override;
  api::Expected<std::vector<CommitStatus>> Statuses(std::string_view repository, std::string_view commit,
                                                    std::stop_token stop) override;
  api::Expected<void> PostStatus(std::string_view repository, std::string_view commit, const CommitStatus& status,
                                 std::stop_token stop) override;
  api::Expected<bool> CommentOnMerge(std::string_view repository, std::string_view commit, std::string_view text,
                                     std::stop_token stop) override;
  api::Expected<void> EnsurePrivateRepository(std::string_view repository,
                                              const std::map<std::string, std::string>& files,
                                              std::stop_token stop) override;
  api::Expected<bool> EnsureCollaborator(std::string_view repository, std::string_view login,
                                         std::stop_token stop) override;
  api::Expected<void> RemoveCollaborator(std::string_view repository, std::string_view login,
                                         std::stop_token stop) override;

 private:
  ForgejoForge(ForgejoOptions options, ForgeUrl url, const Clock& clock);

  Budget BudgetOf(std::stop_token stop) const { return {clock_.SteadyNow() + options_.deadline, std::move(stop)}; }
  /// The repository as the forge describes it; none when it is absent or hidden.
  api::Expected<std::optional<api::Json>> Find(const std::string& repository, const Budget& budget);
  /// The error for a 404 below a repository: that of the repository if it is not there, else `other`.
  api::Error AbsenceBelow(const std::string& repository, const Budget& budget, api::Error other);
  api::Expected<std::vector<CommitStatus>> ReadStatuses(const std::string& repository, std::string_view commit,
                                                        const Budget& budget);
  api::Expected<std::optional<std::int64_t>> MergedBy(const std::string& repository, const std::string& commit,
                                                      const Budget& budget);
  api::Expected<void> UpsertComment(const std::string& issue, const std::string& marker, const std::string& body,
                                    const Budget& budget);
  api::Expected<api::Json> MakeRepository(const std::string& repository, const Budget& budget);
  api::Expected<void> MakePrivate(const std::string& repository, const Budget& budget);
  api::Expected<void> CommitFirst(const std::string& repository, const api::Json& described,
                                  const std::map<std::string, std::string>& files, const Budget& budget);

  const ForgejoOptions options_;
  const ForgeUrl url_;
  const Clock& clock_;
  const std::unique_ptr<HttpClient> client_;
  Api api_;
};

}  // namespace host::forgejo
