#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/meta/json.h"
#include "tests/host/tls_server.h"

namespace tests {

/// The part of Forgejo's API that the box uses, with the oddities of contracts that a client falls over: statuses that
/// only add up, 500 with an empty message for plain client errors, null lists, pages cut to 50, 404 for what is hidden.
/// It is the handler of a TlsServer. Thread-safe; the members are for a test that sends nothing meanwhile.
class FakeForgejo {
 public:
  static constexpr const char* kToken = "0123456789abcdef0123456789abcdef01234567";
  static constexpr const char* kRoot = "/git";  ///< A forge need not be at the root of its host.
  static constexpr int kOurId = 7;

  struct Status {
    std::string context{};
    std::string state{};
    std::string description{};
  };
  struct Comment {
    int id = 0;
    int author = kOurId;
    std::string body{};
  };
  struct Repository {
    bool is_private = false;
    bool is_fork = false;                        ///< Stays as public as its base.
    std::map<std::string, std::string> files{};  ///< None: the repository is empty.
    std::set<std::string> commits{};
    std::map<std::string, std::vector<Status>> statuses{};  ///< By commit, oldest first.
    std::map<std::string, int> merges{};                    ///< Pull request by its merge commit.
    std::map<int, std::vector<Comment>> comments{};         ///< By pull request.
    std::set<std::string> collaborators{};
  };

  RawAnswer Serve(const ServedRequest& request);

  std::map<std::string, Repository> repositories;
  std::set<std::string> organisations{"lhumina_code", "lhumina_code-private"};
  std::set<std::string> logins{"alice", "bob"};
  std::set<std::string> hidden;                ///< Repositories that this token may not see.
  std::map<std::string, std::string> renamed;  ///< Old name to new one.
  bool cuts_pages = true;                      ///< Else `page` is not understood: each answer has all.
  /// Asked before anything is done; what it answers is sent instead.
  std::function<std::optional<RawAnswer>(const ServedRequest&)> before;
  /// Asked when it was done; what it answers is sent instead.
  std::function<std::optional<RawAnswer>(const ServedRequest&)> after;

  std::vector<ServedRequest> requests() const;
  int writes() const;  ///< Requests that are no GET.
  int at_once_max() const;

 private:
  RawAnswer Route(const ServedRequest& request);
  RawAnswer RouteRepository(const ServedRequest& request, const std::string& name, const std::string& rest,
                            const api::Json& body);
  RawAnswer CombinedStatus(const ServedRequest& request, const Repository& repository, const std::string& commit) const;
  static RawAnswer Describe(int status, const std::string& name, const Repository& repository);
  RawAnswer MakeRepository(const std::string& organisation, const api::Json& body);
  RawAnswer Comments(const ServedRequest& request, Repository& repository, const std::string& rest,
                     const api::Json& body);
  RawAnswer Commit(Repository& repository, const std::string& name, const api::Json& body);

  mutable std::mutex mutex_;
  // Guarded by mutex_, and the members above by it while requests come.
  std::vector<ServedRequest> requests_;
  int at_once_ = 0;
  int at_once_max_ = 0;
  int last_id_ = 0;
};

}  // namespace tests
