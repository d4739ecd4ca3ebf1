#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <mutex>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <utility>
#include <vector>

#include "api/codec/text.h"
#include "tests/host/forgejo_box.h"
#include "tests/host/git_world.h"
#include "tests/host/tls_server.h"
#include "tests/support/temp_dir.h"

namespace tests {

inline const std::string kToken = "aTokenThatNobodyMaySee";

/// Runs a program with its input and output in files.
inline void RunFiltering(std::vector<std::string> argv, std::vector<std::string> environment, const std::string& in,
                         const std::string& out) {
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    all.reserve(texts.size() + 1);
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  };
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  const bool is_started =
      ::posix_spawnp(&child, "git", &actions, nullptr, pointers(argv).data(), pointers(environment).data()) == 0;
  posix_spawn_file_actions_destroy(&actions);
  if (is_started) ::waitpid(child, nullptr, 0);
}

/// Serves the origin of a world as `<server>/lhumina_code/hero_team.git`, to whoever has the token.
struct HttpsWorld : GitWorld {
  TempDir served;
  std::atomic<int> number = 0;
  std::atomic<bool> wants_token = true;
  std::mutex mutex;
  std::vector<std::string> authorizations;  // Guarded by mutex.
  /// May change what is sent; gets the whole answer.
  using Change = std::function<RawAnswer(const ServedRequest&, std::string whole)>;
  Change change;  // Guarded by mutex.
  TlsServer server{SharedCa(), [this](const ServedRequest& request) { return Serve(request); }};
  std::string https = server.origin() + "/lhumina_code/hero_team.git";

  HttpsWorld() {
    served.Write("ca.pem", SharedCa().ca_certificate);
    WriteToken(kToken);
    std::filesystem::create_directories(served / "repositories/lhumina_code");
    std::filesystem::create_directory_symlink(origin, served / "repositories/lhumina_code/hero_team.git");
  }

  void WriteToken(const std::string& token) const {
    served.Write("token", token + "\n");
    std::filesystem::permissions(served / "token", std::filesystem::perms(0600));
  }
  host::libgit2::ForgeAccess Access() const {
    return {.url = server.origin(),
            .token_file = served / "token",
            .ca_file = served / "ca.pem",
            .askpass = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "herod-askpass"};
  }
  api::Expected<void> FetchHttps(const std::string& from,
                                 std::chrono::milliseconds deadline = std::chrono::seconds(60)) {
    host::libgit2::LibGit2Git over_https(processes, clock, Access());
    return over_https.Fetch(from, mirror, {.deadline = deadline}, {});
  }

  RawAnswer Serve(const ServedRequest& request) {
    const auto header = [&request](const std::string& name) {
      const auto entry = request.headers.find(name);
      return entry == request.headers.end() ? std::string() : entry->second;
    };
    {
      const std::lock_guard lock(mutex);
      authorizations.push_back(header("authorization"));
    }
    const std::string wanted = "Basic " + api::codec::EncodeBase64("herobox:" + kToken);
    if (wants_token && header("authorization") != wanted)
      return Answer(401, "", "WWW-Authenticate: Basic realm=\"forge\"\r\n");
    const std::string name = std::to_string(++number);
    const std::size_t query = std::min(request.target.find('?'), request.target.size());
    RunFiltering({"git", "http-backend"},
                 {"GIT_PROJECT_ROOT=" + served / "repositories", "GIT_HTTP_EXPORT_ALL=1",
                  "PATH_INFO=" + request.target.substr(0, query),
                  "QUERY_STRING=" + request.target.substr(std::min(query + 1, request.target.size())),
                  "REQUEST_METHOD=" + request.method, "CONTENT_TYPE=" + header("content-type"),
                  "CONTENT_LENGTH=" + header("content-length"), "HTTP_CONTENT_ENCODING=" + header("content-encoding"),
                  "GIT_PROTOCOL=" + header("git-protocol"), "PATH=/usr/bin:/bin", "HOME=" + served.Path()},
                 served.Write("in." + name, request.body), served / "out." + name);
    const std::string out = served.Read("out." + name);
    const std::size_t body = std::min(out.find("\r\n\r\n"), out.size());
    const std::string status = out.starts_with("Status: ") ? out.substr(8, 3) : "200";
    const std::string content = out.substr(std::min(body + 4, out.size()));
    const std::string whole = "HTTP/1.1 " + status +
                              " Said\r\nConnection: close\r\nContent-Length: " + std::to_string(content.size()) +
                              "\r\n" + out.substr(0, body) + "\r\n\r\n" + content;
    Change how;
    {
      const std::lock_guard lock(mutex);
      how = change;
    }
    return how ? how(request, whole) : RawAnswer{.bytes = whole};
  }

  std::vector<std::string> Authorizations() {
    const std::lock_guard lock(mutex);
    return authorizations;
  }

  void ChangeAnswers(Change how) {
    const std::lock_guard lock(mutex);
    change = std::move(how);
  }
};

}  // namespace tests
