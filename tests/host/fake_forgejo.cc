#include "tests/host/fake_forgejo.h"

#include <algorithm>
#include <string_view>

#include "api/codec/json.h"
#include "api/codec/text.h"

namespace tests {
namespace {

using api::Json;

RawAnswer Refusal(int status, const std::string& message) {
  return Answer(status, api::codec::WriteJson(Json::Of({{"message", message}, {"url", "https://docs.example.org"}})));
}

std::string TextAt(const Json& object, std::string_view key) {
  const Json* value = object.Find(key);
  return value == nullptr ? "" : value->StringOr("");
}

/// The number of a query's field; `otherwise` when it has none.
int Query(const std::string& target, const std::string& name, int otherwise) {
  for (const char before : {'?', '&'}) {
    const std::size_t at = target.find(before + name + "=");
    if (at != std::string::npos) return std::stoi(target.substr(at + name.size() + 2));
  }
  return otherwise;
}

/// Takes `prefix` off the front.
bool Take(std::string& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.erase(0, prefix.size());
  return true;
}

/// Takes what comes before the next slash, and the slash.
std::string TakePart(std::string& text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string part = text.substr(0, slash);
  text.erase(0, slash + 1);
  return part;
}

Json Describe(const FakeForgejo::Comment& comment) {
  return Json::Of({{"body", comment.body}, {"id", comment.id}, {"user", Json::Of({{"id", comment.author}})}});
}

}  // namespace

RawAnswer FakeForgejo::Serve(const ServedRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    at_once_max_ = std::max(at_once_max_, ++at_once_);
  }
  std::optional<RawAnswer> answer;
  if (before) answer = before(request);
  if (!answer) {
    const std::lock_guard lock(mutex_);
    answer = Route(request);
  }
  if (after) answer = after(request).value_or(*answer);
  const std::lock_guard lock(mutex_);
  --at_once_;
  return *answer;
}

std::vector<ServedRequest> FakeForgejo::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

int FakeForgejo::writes() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(requests_.begin(), requests_.end(),
                                        [](const ServedRequest& request) { return request.method != "GET"; }));
}

int FakeForgejo::at_once_max() const {
  const std::lock_guard lock(mutex_);
  return at_once_max_;
}

RawAnswer FakeForgejo::Route(const ServedRequest& request) {
  const auto header = [&request](const std::string& name) {
    const auto entry = request.headers.find(name);
    return entry == request.headers.end() ? std::string() : entry->second;
  };
  std::string rest = request.target.substr(0, request.target.find('?'));
  if (!Take(rest, std::string(kRoot) + "/api/v1/"))
    return {.bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"};
  if (header("authorization") != std::string("token ") + kToken) return Refusal(401, "token is required");
  if (request.method != "GET" && request.method != "DELETE" && header("content-type") != "application/json")
    return Refusal(422, "content type");
  const auto body = api::codec::ParseJson(request.body.empty() ? "null" : request.body);
  if (!body) return Refusal(422, "bad JSON");
  if (rest == "user") return Answer(200, R"({"id":7,"login":"herobox","pronouns":null})");
  if (Take(rest, "orgs/")) {
    const std::string organisation = TakePart(rest);
    if (rest == "repos" && request.method == "POST") return MakeRepository(organisation, *body);
  }
  if (!Take(rest, "repos/")) return Refusal(404, "no such route");
  std::string name = TakePart(rest);
  name += "/" + TakePart(rest);
  if (const auto other = renamed.find(name); other != renamed.end()) {
    const std::string query =
        request.target.find('?') == std::string::npos ? "" : request.target.substr(request.target.find('?'));
    return Answer(307, "",
                  "Location: " + std::string(kRoot) + "/api/v1/repos/" + other->second + (rest.empty() ? "" : "/") +
                      rest + query + "\r\n");
  }
  return RouteRepository(request, name, rest, *body);
}

RawAnswer FakeForgejo::RouteRepository(const ServedRequest& request, const std::string& name, const std::string& rest,
                                       const Json& body) {
  const auto entry = repositories.find(name);
  if (entry == repositories.end() || hidden.contains(name)) return Answer(404, "null");
  Repository& repository = entry->second;
  std::string route = rest;
  if (route.empty() && request.method == "GET") return Describe(200, name, repository);
  if (route.empty() && request.method == "PATCH") {
    if (const Json* wanted = body.Find("private"); wanted != nullptr && !repository.is_fork)
      repository.is_private = *wanted->boolean();
    return Describe(200, name, repository);
  }
  if (route == "contents") return Commit(repository, name, body);
  if (Take(route, "statuses/")) {
    if (!repository.commits.contains(route)) return Refusal(500, "");
    repository.statuses[route].push_back({TextAt(body, "context"), TextAt(body, "state"), TextAt(body, "description")});
    return Answer(201, R"({"id":1})");
  }
  if (Take(route, "git/commits/"))
    return repository.commits.contains(route) ? Answer(200, R"({"sha":"x"})") : Refusal(404, "no such commit");
  if (Take(route, "commits/")) {
    const std::string commit = TakePart(route);
    if (route == "status") return CombinedStatus(request, repository, commit);
    const auto merge = repository.merges.find(commit);
    if (route == "pull" && merge != repository.merges.end())
      return Answer(200, api::codec::WriteJson(
                             Json::Of({{"merge_commit_sha", commit}, {"merged", true}, {"number", merge->second}})));
    return Refusal(404, "no such pull request");
  }
  if (Take(route, "collaborators/")) {
    if (!logins.contains(route)) return Refusal(422, "user does not exist");
    if (request.method == "GET")
      return repository.collaborators.contains(route) ? Answer(204) : Refusal(404, "not a collaborator");
    if (request.method == "DELETE")
      repository.collaborators.erase(route);
    else
      repository.collaborators.insert(route);
    return Answer(204);
  }
  if (Take(route, "issues/")) return Comments(request, repository, route, body);
  return Refusal(404, "no such route");
}

RawAnswer FakeForgejo::CombinedStatus(const ServedRequest& request, const Repository& repository,
                                      const std::string& commit) const {
  const auto rows = repository.statuses.find(commit);
  if (rows == repository.statuses.end()) return Answer(200, R"({"sha":"x","state":"","statuses":null})");
  std::map<std::string, Status> newest;
  for (const Status& row : rows->second) newest[row.context] = row;
  const int page = Query(request.target, "page", 1);
  const int limit = std::min(Query(request.target, "limit", 30), 50);
  Json::Array statuses;
  int at = 0;
  for (const auto& [context, row] : newest) {
    const bool is_on_page = at / limit == page - 1;
    ++at;
    if (cuts_pages && !is_on_page) continue;
    statuses.push_back(
        Json::Of({{"context", context}, {"description", row.description}, {"id", at}, {"status", row.state}}));
  }
  return Answer(200, api::codec::WriteJson(Json::Of({{"sha", commit}, {"statuses", Json(std::move(statuses))}})));
}

RawAnswer FakeForgejo::Describe(int status, const std::string& name, const Repository& repository) {
  return Answer(status, api::codec::WriteJson(Json::Of({{"default_branch", "main"},
                                                        {"empty", repository.files.empty()},
                                                        {"full_name", name},
                                                        {"id", 1},
                                                        {"private", repository.is_private}})));
}

RawAnswer FakeForgejo::MakeRepository(const std::string& organisation, const Json& body) {
  const std::string name = organisation + "/" + TextAt(body, "name");
  if (!organisations.contains(organisation)) return Refusal(404, "organisation");
  if (repositories.contains(name)) return Refusal(409, "The repository with the same name already exists.");
  const Json* is_private = body.Find("private");
  Repository made{.is_private = is_private != nullptr && *is_private->boolean()};
  repositories[name] = made;
  return Describe(201, name, made);
}

RawAnswer FakeForgejo::Comments(const ServedRequest& request, Repository& repository, const std::string& rest,
                                const Json& body) {
  std::string route = rest;
  if (Take(route, "comments/")) {
    for (auto& [number, comments] : repository.comments) {
      for (Comment& comment : comments) {
        if (std::to_string(comment.id) != route) continue;
        if (comment.author != kOurId) return Answer(403);
        comment.body = TextAt(body, "body");
        return Answer(200, api::codec::WriteJson(tests::Describe(comment)));
      }
    }
    return Refusal(404, "no such comment");
  }
  const int number = std::stoi(TakePart(route));
  if (request.method == "POST") {
    repository.comments[number].push_back({.id = ++last_id_, .body = TextAt(body, "body")});
    return Answer(201, api::codec::WriteJson(tests::Describe(repository.comments[number].back())));
  }
  Json::Array all;
  for (const Comment& comment : repository.comments[number]) all.push_back(tests::Describe(comment));
  return Answer(200, api::codec::WriteJson(Json(std::move(all))));
}

RawAnswer FakeForgejo::Commit(Repository& repository, const std::string& name, const Json& body) {
  if (!repository.files.empty()) return Refusal(422, "the file is there");
  for (const Json& file : *body.Find("files")->array())
    repository.files[TextAt(file, "path")] = api::codec::DecodeBase64(TextAt(file, "content")).value_or("(no base64)");
  std::string commit = api::codec::Sha256Hex(name).substr(0, 40);
  repository.commits.insert(commit);
  return Answer(201, api::codec::WriteJson(Json::Of({{"commit", Json::Of({{"sha", commit}})}})));
}

}  // namespace tests
