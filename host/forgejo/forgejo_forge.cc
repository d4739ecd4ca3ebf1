#include "host/forgejo/forgejo_forge.h"

#include <algorithm>
#include <utility>

#include "api/codec/json_at.h"
#include "api/codec/text.h"
#include "host/forgejo/cpprest_client.h"

namespace host::forgejo {

namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using api::codec::ArrayAt;
using api::codec::IntegerAt;
using api::codec::IsTrueAt;
using api::codec::TextAt;

constexpr int kPagesMax = 20;  // Of 50: a thousand contexts at one commit.
constexpr const char* kRepositoryScope = "write:repository";

/// Others may post what we do not: `warning` is shown as a failure, and what the forge does not know as an error.
CommitState StateOf(const std::string& word) {
  if (word == "warning") return CommitState::kFailure;
  return CommitStateOf(word).value_or(CommitState::kError);
}

Error NoSuchRepository(const std::string& repository) {
  return {Code::kNotFound, "NoSuchRepository",
          repository + " is not on the forge, or the token in [forge].token_file may not see it"};
}

bool Has(const std::vector<CommitStatus>& statuses, const CommitStatus& wanted) {
  return std::find(statuses.begin(), statuses.end(), wanted) != statuses.end();
}

}  // namespace

Expected<std::unique_ptr<ForgejoForge>> ForgejoForge::Create(ForgejoOptions options, const Clock& clock) {
  auto url = ParseForgeUrl(options.url);
  if (!url) return url.error();
  return std::unique_ptr<ForgejoForge>(new ForgejoForge(std::move(options), *std::move(url), clock));
}

ForgejoForge::ForgejoForge(ForgejoOptions options, ForgeUrl url, const Clock& clock)
    : options_(std::move(options)),
      url_(std::move(url)),
      clock_(clock),
      client_(std::make_unique<CppRestClient>(url_.origin, options_.ca_file, clock)),
      api_(url_, options_.token_file, *client_, clock) {}

std::optional<std::string> ForgejoForge::RepositoryOf(std::string_view url) const {
  const auto there = ParseForgeUrl(url);
  if (!there || there->origin != url_.origin) return std::nullopt;
  return RepositoryBelow(url_.root, there->root);
}

Expected<std::optional<Json>> ForgejoForge::Find(const std::string& repository, const Budget& budget) {
  const Call call{.path = "/repos/" + repository, .scope = "read:repository"};
  auto reply = api_.Send(call, budget);
  if (!reply) return reply.error();
  if (reply->status == 404) return std::optional<Json>();
  if (!reply->is_success() || !reply->body.is_object()) return Api::Unexpected(call, *reply);
  return std::optional(std::move(reply->body));
}

Error ForgejoForge::AbsenceBelow(const std::string& repository, const Budget& budget, Error other) {
  const auto found = Find(repository, budget);
  if (!found) return found.error();
  return *found ? std::move(other) : NoSuchRepository(repository);
}

Expected<std::vector<CommitStatus>> ForgejoForge::ReadStatuses(const std::string& repository, std::string_view commit,
                                                               const Budget& budget) {
  std::map<std::string, CommitStatus> newest;
  std::int64_t read = 0;
  for (int page = 1; page <= kPagesMax; ++page) {
    const Call call{.path = "/repos/" + repository + "/commits/" + std::string(commit) +
                            "/status?limit=50&page=" + std::to_string(page),
                    .scope = "read:repository"};
    const auto reply = api_.Send(call, budget);
    if (!reply) return reply.error();
    if (reply->status == 404) {
      Error absent = AbsenceBelow(repository, budget, {});
      if (absent.reason.empty()) break;  // The repository is there, the commit is not.
      return absent;
    }
    if (!reply->is_success()) return Api::Unexpected(call, *reply);
    const Json::Array& statuses = ArrayAt(reply->body, {"statuses"});
    read += static_cast<std::int64_t>(statuses.size());
    bool has_new = false;
    for (const Json& entry : statuses) {
      const std::string context = TextAt(entry, {"context"});
      has_new |= newest
                     .try_emplace(context, CommitStatus{.context = context,
                                                        .state = StateOf(TextAt(entry, {"status"})),
                                                        .description = TextAt(entry, {"description"})})
                     .second;
    }
    // A short page does not prove the end; one with nothing new does.
    if (!has_new || (reply->total_count && read >= *reply->total_count)) break;
  }
  std::vector<CommitStatus> all;
  all.reserve(newest.size());
  for (auto& [context, status] : newest) all.push_back(std::move(status));
  return all;
}

Expected<std::vector<CommitStatus>> ForgejoForge::Statuses(std::string_view repository, std::string_view commit,
                                                           std::stop_token stop) {
  if (auto name = ParseRepositoryName(repository); !name) return name.error();
  if (auto good = CheckCommitId(commit); !good) return good.error();
  return ReadStatuses(std::string(repository), commit, BudgetOf(std::move(stop)));
}

Expected<void> ForgejoForge::PostStatus(std::string_view repository, std::string_view commit,
                                        const CommitStatus& status, std::stop_token stop) {
  if (auto name = ParseRepositoryName(repository); !name) return name.error();
  if (auto good = CheckCommitId(commit); !good) return good;
  const auto fitted = FittedStatus(status);
  if (!fitted) return fitted.error();
  const Budget budget = BudgetOf(std::move(stop));
  const std::string name(repository);
  auto statuses = ReadStatuses(name, commit, budget);
  if (!statuses) return statuses.error();
  if (Has(*statuses, *fitted)) return {};

  const Call post{.method = "POST",
                  .path = "/repos/" + name + "/statuses/" + std::string(commit),
                  .body = Json::Of({{"context", fitted->context},
                                    {"description", fitted->description},
                                    {"state", CommitStateName(fitted->state)}}),
                  .scope = kRepositoryScope};
  const auto reply = api_.Send(post, budget);
  if (!reply) return reply.error();
  if (reply->is_success()) return {};
  const Error absent{Code::kNotFound, "NoSuchCommit", "commit " + std::string(commit) + " is not in " + name};
  if (reply->status == 404) return AbsenceBelow(name, budget, absent);
  if (reply->status != 500) return Api::Unexpected(post, *reply);
  // A plain client error comes as 500 too, some of them after the status was stored.
  statuses = ReadStatuses(name, commit, budget);
  if (!statuses) return statuses.error();
  if (Has(*statuses, *fitted)) return {};
  const Call look{
      .path = "/repos/" + name + "/git/commits/" + std::string(commit) + "?stat=false&files=false&verification=false",
      .scope = "read:repository"};
  const auto found = api_.Send(look, budget);
  if (!found) return found.error();
  return found->status == 404 ? absent : Api::Unexpected(post, *reply);
}

Expected<std::optional<std::int64_t>> ForgejoForge::MergedBy(const std::string& repository, const std::string& commit,
                                                             const Budget& budget) {
  const Call call{.path = "/repos/" + repository + "/commits/" + commit + "/pull", .scope = "read:repository"};
  const auto reply = api_.Send(call, budget);
  if (!reply) return reply.error();
  if (reply->status == 404) {
    Error absent = AbsenceBelow(repository, budget, {});
    if (!absent.reason.empty()) return absent;
    return std::optional<std::int64_t>();
  }
  if (!reply->is_success()) return Api::Unexpected(call, *reply);
  const auto number = IntegerAt(reply->body, {"number"});
  const bool is_ours = IsTrueAt(reply->body, {"merged"}) && TextAt(reply->body, {"merge_commit_sha"}) == commit;
  return is_ours && number && *number > 0 ? number : std::optional<std::int64_t>();
}

Expected<void> ForgejoForge::UpsertComment(const std::string& issue, const std::string& marker, const std::string& body,
                                           const Budget& budget) {
  const Call who{.path = "/user", .scope = "read:user"};
  const auto user = api_.Send(who, budget);
  if (!user) return user.error();
  const auto me = IntegerAt(user->body, {"id"});
  if (!user->is_success() || !me) return Api::Unexpected(who, *user);

  struct Comment {
    std::int64_t id = 0;
    std::string body{};
  };
  const auto find = [&]() -> Expected<std::optional<Comment>> {
    const Call list{.path = issue + "/comments", .scope = "write:issue"};
    const auto comments = api_.Send(list, budget);
    if (!comments) return comments.error();
    if (!comments->is_success()) return Api::Unexpected(list, *comments);
    std::optional<Comment> newest;
    for (const Json& comment : ArrayAt(comments->body, {})) {
      const auto id = IntegerAt(comment, {"id"});
      const std::string text = TextAt(comment, {"body"});
      if (IntegerAt(comment, {"user", "id"}) != me || !id || text.find(marker) == std::string::npos) continue;
      if (!newest || *id > newest->id) newest = Comment{*id, text};
    }
    return newest;
  };

  auto found = find();
  if (!found) return found.error();
  if (*found && (*found)->body == body) return {};
  const std::string repository = issue.substr(0, issue.rfind("/issues/"));
  const Call write{
      .method = *found ? "PATCH" : "POST",
      .path = *found ? repository + "/issues/comments/" + std::to_string((*found)->id) : issue + "/comments",
      .body = Json::Of({{"body", body}}),
      .scope = "write:issue"};
  const auto reply = api_.Send(write, budget);
  if (!reply) return reply.error();
  if (reply->is_success()) return {};
  if (reply->status == 500) {
    found = find();
    if (!found) return found.error();
    if (*found && (*found)->body == body) return {};
  }
  return Api::Unexpected(write, *reply);
}

Expected<bool> ForgejoForge::CommentOnMerge(std::string_view repository, std::string_view commit, std::string_view text,
                                            std::stop_token stop) {
  if (auto name = ParseRepositoryName(repository); !name) return name.error();
  if (auto good = CheckCommitId(commit); !good) return good.error();
  const Budget budget = BudgetOf(std::move(stop));
  const std::string name(repository);
  const auto number = MergedBy(name, std::string(commit), budget);
  if (!number) return number.error();
  if (!*number) return false;
  const std::string marker = "<!-- herobox:reconcile " + std::string(commit) + " -->";
  const auto written = UpsertComment("/repos/" + name + "/issues/" + std::to_string(**number), marker,
                                     marker + "\n" + std::string(text), budget);
  if (!written) return written.error();
  return true;
}

Expected<Json> ForgejoForge::MakeRepository(const std::string& repository, const Budget& budget) {
  const auto name = ParseRepositoryName(repository);
  const Call call{.method = "POST",
                  .path = "/orgs/" + std::string(name->organisation) + "/repos",
                  .body = Json::Of({{"name", name->name}, {"private", true}, {"auto_init", false}}),
                  .scope = "write:organization"};
  const auto reply = api_.Send(call, budget);
  if (!reply) return reply.error();
  if (reply->is_success() && reply->body.is_object()) return reply->body;
  if (reply->status == 404)
    return Error{Code::kNotFound, "NoSuchOrganisation",
                 "there is no organisation " + std::string(name->organisation) +
                     " on the forge; make it, and let the token's account create repositories in it"};
  if (reply->status != 409 && reply->status != 500) return Api::Unexpected(call, *reply);
  auto found = Find(repository, budget);
  if (!found) return found.error();
  if (*found) return **std::move(found);
  if (reply->status == 500) return Api::Unexpected(call, *reply);
  return Error{Code::kForbidden, "RepositoryHidden",
               repository + " exists, but the token in [forge].token_file may not see it; give its account access"};
}

Expected<void> ForgejoForge::MakePrivate(const std::string& repository, const Budget& budget) {
  const Call call{.method = "PATCH",
                  .path = "/repos/" + repository,
                  .body = Json::Of({{"private", true}}),
                  .scope = kRepositoryScope};
  const auto reply = api_.Send(call, budget);
  if (!reply) return reply.error();
  if (!reply->is_success()) return Api::Unexpected(call, *reply);
  if (IsTrueAt(reply->body, {"private"})) return {};
  return Error{Code::kForbidden, "StaysPublic",
               repository + " is public, and the forge does not make it private (a fork follows its base); replace it"};
}

Expected<void> ForgejoForge::CommitFirst(const std::string& repository, const Json& described,
                                         const std::map<std::string, std::string>& files, const Budget& budget) {
  Json::Array operations;
  for (const auto& [path, content] : files)
    operations.push_back(
        Json::Of({{"content", api::codec::EncodeBase64(content)}, {"operation", "create"}, {"path", path}}));
  Call call{.method = "POST",
            .path = "/repos/" + repository + "/contents",
            .body = Json::Of({{"files", Json(std::move(operations))}, {"message", "First commit"}}),
            .scope = kRepositoryScope};
  if (const std::string branch = TextAt(described, {"default_branch"}); !branch.empty()) call.body["branch"] = branch;
  const auto reply = api_.Send(call, budget);
  if (!reply) return reply.error();
  if (reply->is_success()) return {};
  const auto found = Find(repository, budget);  // It may have been done all the same, or by another one.
  if (!found) return found.error();
  if (*found && !IsTrueAt(**found, {"empty"})) return {};
  return Api::Unexpected(call, *reply);
}

Expected<void> ForgejoForge::EnsurePrivateRepository(std::string_view repository,
                                                     const std::map<std::string, std::string>& files,
                                                     std::stop_token stop) {
  if (auto name = ParseRepositoryName(repository); !name) return name.error();
  if (auto good = CheckFirstFiles(files); !good) return good;
  const Budget budget = BudgetOf(std::move(stop));
  const std::string name(repository);
  auto found = Find(name, budget);
  if (!found) return found.error();
  Json described;
  if (*found) {
    described = **std::move(found);
  } else {
    auto made = MakeRepository(name, budget);
    if (!made) return made.error();
    described = *std::move(made);
  }
  if (!IsTrueAt(described, {"private"}))
    if (auto changed = MakePrivate(name, budget); !changed) return changed;
  if (!IsTrueAt(described, {"empty"})) return {};
  return CommitFirst(name, described, files, budget);
}

Expected<bool> ForgejoForge::EnsureCollaborator(std::string_view repository, std::string_view login,
                                                std::stop_token stop) {
  if (auto name = ParseRepositoryName(repository); !name) return name.error();
  if (auto good = CheckLogin(login); !good) return good.error();
  const Budget budget = BudgetOf(std::move(stop));
  const std::string name(repository);
  const std::string path = "/repos/" + name + "/collaborators/" + std::string(login);
  const auto before = api_.Send({.path = path, .scope = kRepositoryScope}, budget);
  if (!before) return before.error();
  // Also for one who is let in already: it may be to read alone.
  const Call call{
      .method = "PUT", .path = path, .body = Json::Of({{"permission", "write"}}), .scope = kRepositoryScope};
  const auto reply = api_.Send(call, budget);
  if (!reply) return reply.error();
  if (reply->is_success()) return !before->is_success();
  if (reply->status == 404) return NoSuchRepository(name);
  if (reply->status == 422)
    return Error{Code::kNotFound, "NoSuchLogin", "there is no account " + std::string(login) + " on the forge"};
  return Api::Unexpected(call, *reply);
}

Expected<void> ForgejoForge::RemoveCollaborator(std::string_view repository, std::string_view login,
                                                std::stop_token stop) {
  if (auto name = ParseRepositoryName(repository); !name) return name.error();
  if (auto good = CheckLogin(login); !good) return good;
  const std::string name(repository);
  const Call call{
      .method = "DELETE", .path = "/repos/" + name + "/collaborators/" + std::string(login), .scope = kRepositoryScope};
  const auto reply = api_.Send(call, BudgetOf(std::move(stop)));
  if (!reply) return reply.error();
  if (reply->is_success() || reply->status == 422) return {};  // 422: there is no such account.
  if (reply->status == 404) return NoSuchRepository(name);
  return Api::Unexpected(call, *reply);
}

}  // namespace host::forgejo
