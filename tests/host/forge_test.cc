// What every forge promises, the fake one too.
#include "host/forge.h"

#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/libgit2/git.h"
#include "host/linux/processes.h"
#include "host/localforge/local_forge.h"
#include "tests/host/forgejo_box.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_forge.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::CommitState;
using host::CommitStatus;
using Files = std::map<std::string, std::string>;

constexpr const char* kRepository = "lhumina_code/hero_team";
constexpr const char* kSecrets = "lhumina_code-private/secrets_alice";

/// The kind of the error, none when there is a value.
template <class T>
std::optional<Code> CodeOf(const api::Expected<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

struct Fake {
  static constexpr bool kHasPullRequests = true;
  static constexpr bool kHasLogins = true;
  static constexpr bool kHasOrganisations = true;

  tests::FakeForge forge;

  std::string UrlOf(const std::string& repository) const { return "file:///forge/" + repository + ".git"; }
  /// Makes a repository with one commit, and says which.
  std::string Make(const std::string& repository) {
    forge.Put(repository, {});
    return std::string(40, 'a');
  }
  void MakePublic(const std::string& repository) {
    auto changed = *forge.Get(repository);
    changed.is_private = false;
    forge.Put(repository, changed);
  }
  std::string HideACommit() {
    forge.HideCommit(std::string(40, 'f'));
    return std::string(40, 'f');
  }
  void Merge(const std::string& repository, const std::string& commit) { forge.Merge(repository, commit); }
  std::string CommentOf(const std::string& repository, const std::string& commit) const {
    return forge.Get(repository)->comments.at(commit);
  }
  bool IsPrivate(const std::string& repository) const { return forge.Get(repository)->is_private; }
  Files FilesOf(const std::string& repository) const { return forge.Get(repository)->files; }
  bool HasCollaborator(const std::string& repository, const std::string& login) const {
    return forge.Get(repository)->collaborators.contains(login);
  }
  void RemoveOrganisation(const std::string& organisation) { forge.RemoveOrganisation(organisation); }
  void RemoveLogin(const std::string& login) { forge.RemoveLogin(login); }
  /// Grows with each change.
  std::string Writes() const { return std::to_string(forge.writes()); }
};

/// The folder on disk, with the real git.
struct Local {
  static constexpr bool kHasPullRequests = false;
  static constexpr bool kHasLogins = false;
  static constexpr bool kHasOrganisations = false;

  tests::TempDir dir;
  tests::FakeClock clock;
  host::linux::SpawnedProcesses processes;
  host::libgit2::LibGit2Git git{processes, clock};
  host::localforge::LocalForge forge{dir.Path(), git, clock};

  std::string UrlOf(const std::string& repository) const { return "file://" + PathOf(repository); }
  std::string PathOf(const std::string& repository) const { return dir / repository + ".git"; }
  std::string Make(const std::string& repository) {
    REQUIRE(git.MakeFirstCommit(PathOf(repository), {{"README.md", "hi"}}));
    fs::permissions(PathOf(repository), fs::perms(0755));
    return git.Heads(PathOf(repository))->at("main");
  }
  void MakePublic(const std::string& repository) const { fs::permissions(PathOf(repository), fs::perms(0755)); }
  std::string HideACommit() { return std::string(40, 'f'); }
  void Merge(const std::string&, const std::string&) {}
  std::string CommentOf(const std::string&, const std::string&) { return ""; }
  bool IsPrivate(const std::string& repository) const {
    return (fs::status(PathOf(repository)).permissions() & fs::perms(0077)) == fs::perms::none;
  }
  Files FilesOf(const std::string& repository) const { return Below(PathOf(repository), ""); }
  Files Below(const std::string& path, const std::string& directory) const {
    const std::string commit = git.Heads(path)->at("main");
    Files files;
    for (const host::TreeEntry& entry : git.ListTree(path, commit, directory).value_or({})) {
      const std::string name = directory.empty() ? entry.name : directory + "/" + entry.name;
      if (entry.is_file)
        files[name] = git.ReadBlob(path, entry.blob, 1 << 20).value_or("(unreadable)");
      else
        files.merge(Below(path, name));
    }
    return files;
  }
  bool HasCollaborator(const std::string& repository, const std::string& login) const {
    return ("\n" + dir.Read(repository + ".git/hero/collaborators")).find("\n" + login + "\n") != std::string::npos;
  }
  void RemoveOrganisation(const std::string&) {}
  void RemoveLogin(const std::string&) {}
  std::string Writes() const {
    std::string all;
    for (const auto& entry : fs::recursive_directory_iterator(dir.Path()))
      all += entry.path().string() + " " + std::to_string(entry.is_regular_file() ? entry.file_size() : 0) + "\n";
    return all;
  }
};

/// The real client over TLS, against a stand-in.
struct Forgejo : tests::ForgejoBox {
  static constexpr bool kHasPullRequests = true;
  static constexpr bool kHasLogins = true;
  static constexpr bool kHasOrganisations = true;

  host::Forge& forge = *owned;

  std::string UrlOf(const std::string& repository) const { return server.origin() + "/git/" + repository + ".git"; }
  std::string Make(const std::string& repository) {
    forgejo.repositories[repository] = {.files = {{"README.md", "hi"}}, .commits = {std::string(40, 'a')}};
    return std::string(40, 'a');
  }
  void MakePublic(const std::string& repository) { forgejo.repositories[repository].is_private = false; }
  std::string HideACommit() { return std::string(40, 'f'); }
  void Merge(const std::string& repository, const std::string& commit) {
    forgejo.repositories[repository].merges[commit] = 17;
  }
  std::string CommentOf(const std::string& repository, const std::string&) {
    const auto& comments = forgejo.repositories[repository].comments[17];
    REQUIRE(comments.size() == 1);
    return comments.front().body;
  }
  bool IsPrivate(const std::string& repository) const { return forgejo.repositories.at(repository).is_private; }
  Files FilesOf(const std::string& repository) const { return forgejo.repositories.at(repository).files; }
  bool HasCollaborator(const std::string& repository, const std::string& login) const {
    return forgejo.repositories.at(repository).collaborators.contains(login);
  }
  void RemoveOrganisation(const std::string& organisation) { forgejo.organisations.erase(organisation); }
  void RemoveLogin(const std::string& login) { forgejo.logins.erase(login); }
  std::string Writes() const { return std::to_string(forgejo.writes()); }
};

CommitStatus Status(const std::string& context, CommitState state = CommitState::kSuccess,
                    const std::string& description = "all is as declared") {
  return {.context = context, .state = state, .description = description};
}

TEST_CASE_TEMPLATE("[HTB-17] forge: its own URLs name a repository, others none", Backend, Fake, Local, Forgejo) {
  Backend backend;
  const std::string url = backend.UrlOf(kRepository);
  CHECK(backend.forge.RepositoryOf(url).value_or("") == kRepository);
  const std::string bare = url.substr(0, url.size() - 4);
  CHECK(backend.forge.RepositoryOf(bare).value_or("") == kRepository);
  CHECK(backend.forge.RepositoryOf(bare + "/").value_or("") == kRepository);
  for (const std::string& other :
       {std::string("https://elsewhere.example.org/lhumina_code/hero_team.git"), std::string("file:///tmp/x.git"),
        std::string(), std::string("lhumina_code/hero_team"), url + "/deeper", backend.UrlOf("../hero_team"),
        backend.UrlOf("a/../hero_team"), backend.UrlOf("hero_team"), url + "?x", url + "#x"}) {
    CAPTURE(other);
    CHECK_FALSE(backend.forge.RepositoryOf(other));
  }
}

TEST_CASE_TEMPLATE("[HTB-17] forge: the newest status of each context counts, and the same again writes nothing",
                   Backend, Fake, Local, Forgejo) {
  Backend backend;
  const std::string commit = backend.Make(kRepository);
  const auto read = [&] { return backend.forge.Statuses(kRepository, commit, {}).value_or({Status("none")}); };
  CHECK(read().empty());

  REQUIRE(backend.forge.PostStatus(kRepository, commit, Status("b/x", CommitState::kPending, "at it"), {}));
  REQUIRE(backend.forge.PostStatus(kRepository, commit, Status("a/x"), {}));
  REQUIRE(backend.forge.PostStatus(kRepository, commit, Status("b/x", CommitState::kFailure, "two files"), {}));
  CHECK(read() == std::vector{Status("a/x"), Status("b/x", CommitState::kFailure, "two files")});

  const std::string before = backend.Writes();
  REQUIRE(backend.forge.PostStatus(kRepository, commit, Status("a/x"), {}));
  REQUIRE(backend.forge.PostStatus(kRepository, commit, Status(" a/x ", CommitState::kSuccess, "all is as declared\n"),
                                   {}));
  CHECK(backend.Writes() == before);
  for (const CommitState state :
       {CommitState::kPending, CommitState::kSuccess, CommitState::kError, CommitState::kFailure}) {
    REQUIRE(backend.forge.PostStatus(kRepository, commit, Status("c", state), {}));
    CHECK(read().back().state == state);
  }
  CHECK(backend.forge.Statuses(kRepository, backend.HideACommit(), {}).value_or({Status("none")}).empty());
}

TEST_CASE_TEMPLATE("[SEC-57] forge: a description is made one short line", Backend, Fake, Local, Forgejo) {
  Backend backend;
  const std::string commit = backend.Make(kRepository);
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "ü";
  REQUIRE(
      backend.forge.PostStatus(kRepository, commit, Status("x", CommitState::kError, "one\ntwo\r\n" + umlauts), {}));
  const auto statuses = backend.forge.Statuses(kRepository, commit, {});
  REQUIRE(statuses);
  REQUIRE(statuses->size() == 1);
  const std::string& text = statuses->front().description;
  CHECK(text.starts_with("one two  ü"));
  CHECK(text.ends_with("ü…"));
  CHECK(text.size() <= 140);
  CHECK(text.size() > 130);
}

TEST_CASE_TEMPLATE("[SEC-49] forge: a name, commit or context that is none is refused before anything is asked",
                   Backend, Fake, Local, Forgejo) {
  Backend backend;
  const std::string commit = backend.Make(kRepository);
  const std::string before = backend.Writes();
  for (const std::string name : {"", "hero_team", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a/.git", "a/b.git",
                                 "a/b.wiki", "a b/c", "a/b?x", "a/b%2f", "a/-b", "-a/b", "a/b\n"}) {
    CAPTURE(name);
    CHECK(CodeOf(backend.forge.Statuses(name, commit, {})) == Code::kInvalid);
    CHECK(CodeOf(backend.forge.PostStatus(name, commit, Status("x"), {})) == Code::kInvalid);
    CHECK(CodeOf(backend.forge.CommentOnMerge(name, commit, "x", {})) == Code::kInvalid);
    CHECK(CodeOf(backend.forge.EnsurePrivateRepository(name, {{"a", "1"}}, {})) == Code::kInvalid);
    CHECK(CodeOf(backend.forge.EnsureCollaborator(name, "alice", {})) == Code::kInvalid);
    CHECK(CodeOf(backend.forge.RemoveCollaborator(name, "alice", {})) == Code::kInvalid);
  }
  for (const std::string wrong : {"", "HEAD", "development", "abc", "../../x", "--help"}) {
    CAPTURE(wrong);
    CHECK(CodeOf(backend.forge.Statuses(kRepository, wrong, {})) == Code::kInvalid);
    CHECK(CodeOf(backend.forge.PostStatus(kRepository, wrong, Status("x"), {})) == Code::kInvalid);
    CHECK(CodeOf(backend.forge.CommentOnMerge(kRepository, wrong, "x", {})) == Code::kInvalid);
  }
  for (const std::string& context : {std::string(), std::string("  "), std::string("a\nb"), std::string(101, 'c')})
    CHECK(CodeOf(backend.forge.PostStatus(kRepository, commit, Status(context), {})) == Code::kInvalid);
  for (const std::string login : {"", "../x", "a/b", "a b", "-x"}) {
    CHECK(CodeOf(backend.forge.EnsureCollaborator(kRepository, login, {})) == Code::kInvalid);
    CHECK(CodeOf(backend.forge.RemoveCollaborator(kRepository, login, {})) == Code::kInvalid);
  }
  for (const std::string path : {"", "/etc/passwd", "../x", "a/../b", ".git/config", "a//b", "a/", "a\nb"}) {
    CAPTURE(path);
    CHECK(CodeOf(backend.forge.EnsurePrivateRepository(kSecrets, {{path, "1"}}, {})) == Code::kInvalid);
  }
  CHECK(backend.Writes() == before);
}

TEST_CASE_TEMPLATE("[HTB-17] forge: what is not there is said to be absent", Backend, Fake, Local, Forgejo) {
  Backend backend;
  const std::string commit = backend.Make(kRepository);
  const std::string nowhere = "lhumina_code/nowhere";
  for (const auto& error : {backend.forge.Statuses(nowhere, commit, {}).error(),
                            backend.forge.PostStatus(nowhere, commit, Status("x"), {}).error(),
                            backend.forge.CommentOnMerge(nowhere, commit, "x", {}).error(),
                            backend.forge.EnsureCollaborator(nowhere, "alice", {}).error(),
                            backend.forge.RemoveCollaborator(nowhere, "alice", {}).error()}) {
    CHECK(error.code == Code::kNotFound);
    CHECK(error.reason == "NoSuchRepository");
  }
  const auto posted = backend.forge.PostStatus(kRepository, backend.HideACommit(), Status("x"), {});
  REQUIRE_FALSE(posted);
  CHECK(posted.error().code == Code::kNotFound);
  CHECK(posted.error().reason == "NoSuchCommit");
}

TEST_CASE_TEMPLATE("[HTB-17] forge: one comment on the merged pull request, rewritten in place", Backend, Fake, Local,
                   Forgejo) {
  Backend backend;
  const std::string commit = backend.Make(kRepository);
  CHECK_FALSE(backend.forge.CommentOnMerge(kRepository, commit, "nobody merged this", {}).value_or(true));
  if (!Backend::kHasPullRequests) return;
  backend.Merge(kRepository, commit);
  CHECK(backend.forge.CommentOnMerge(kRepository, commit, "at it", {}).value_or(false));
  CHECK(backend.forge.CommentOnMerge(kRepository, commit, "done\n- two files", {}).value_or(false));
  CHECK(backend.CommentOf(kRepository, commit).find("done\n- two files") != std::string::npos);
  CHECK(backend.CommentOf(kRepository, commit).find("at it") == std::string::npos);
  const std::string before = backend.Writes();
  CHECK(backend.forge.CommentOnMerge(kRepository, commit, "done\n- two files", {}).value_or(false));
  CHECK(backend.Writes() == before);
}

TEST_CASE_TEMPLATE("[HTB-12][SEC-42] forge: a private repository is made once, with its first commit", Backend, Fake,
                   Local) {
  Backend backend;
  const Files files{{"secrets.toml.example", "# TOKEN = \"…\"\n"}, {"docs/README.md", "yours alone"}, {"empty", ""}};
  REQUIRE(backend.forge.EnsurePrivateRepository(kSecrets, files, {}));
  CHECK(backend.IsPrivate(kSecrets));
  CHECK(backend.FilesOf(kSecrets) == files);

  const std::string before = backend.Writes();
  REQUIRE(backend.forge.EnsurePrivateRepository(kSecrets, {{"other", "text"}}, {}));
  CHECK(backend.Writes() == before);
  CHECK(backend.FilesOf(kSecrets) == files);
}

TEST_CASE_TEMPLATE("[SEC-42] forge: a repository that somebody made public is made private again", Backend, Fake, Local,
                   Forgejo) {
  Backend backend;
  REQUIRE(backend.forge.EnsurePrivateRepository(kSecrets, {{"a", "1"}}, {}));
  backend.MakePublic(kSecrets);
  REQUIRE_FALSE(backend.IsPrivate(kSecrets));
  REQUIRE(backend.forge.EnsurePrivateRepository(kSecrets, {{"a", "1"}}, {}));
  CHECK(backend.IsPrivate(kSecrets));
}

TEST_CASE_TEMPLATE("[HTB-12] forge: a collaborator is taken out again, and who was none already is", Backend, Fake,
                   Local, Forgejo) {
  Backend backend;
  REQUIRE(backend.forge.EnsurePrivateRepository(kSecrets, {{"a", "1"}}, {}));
  REQUIRE(backend.forge.EnsureCollaborator(kSecrets, "alice", {}));
  REQUIRE(backend.forge.EnsureCollaborator(kSecrets, "bob", {}));
  REQUIRE(backend.forge.RemoveCollaborator(kSecrets, "alice", {}));
  CHECK_FALSE(backend.HasCollaborator(kSecrets, "alice"));
  CHECK(backend.HasCollaborator(kSecrets, "bob"));
  REQUIRE(backend.forge.RemoveCollaborator(kSecrets, "alice", {}));
  if (Backend::kHasLogins) {
    backend.RemoveLogin("mallory");
    REQUIRE(backend.forge.RemoveCollaborator(kSecrets, "mallory", {}));
  }
  CHECK(backend.HasCollaborator(kSecrets, "bob"));
  const auto let_in_again = backend.forge.EnsureCollaborator(kSecrets, "alice", {});
  REQUIRE(let_in_again);
  CHECK(*let_in_again);
}

TEST_CASE_TEMPLATE("[HTB-12] forge: a collaborator is added once; one that is nobody is said so", Backend, Fake, Local,
                   Forgejo) {
  Backend backend;
  REQUIRE(backend.forge.EnsurePrivateRepository(kSecrets, {{"a", "1"}}, {}));
  const auto added = backend.forge.EnsureCollaborator(kSecrets, "alice", {});
  REQUIRE(added);
  CHECK(*added);
  CHECK(backend.HasCollaborator(kSecrets, "alice"));
  CHECK_FALSE(backend.HasCollaborator(kSecrets, "bob"));
  const auto again = backend.forge.EnsureCollaborator(kSecrets, "alice", {});
  REQUIRE(again);
  CHECK_FALSE(*again);
  CHECK(backend.HasCollaborator(kSecrets, "alice"));
  if (Backend::kHasLogins) {
    backend.RemoveLogin("mallory");
    const auto nobody = backend.forge.EnsureCollaborator(kSecrets, "mallory", {});
    REQUIRE_FALSE(nobody);
    CHECK(nobody.error().reason == "NoSuchLogin");
  }
  if (Backend::kHasOrganisations) {
    backend.RemoveOrganisation("nowhere");
    const auto missing = backend.forge.EnsurePrivateRepository("nowhere/secrets_alice", {{"a", "1"}}, {});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == Code::kNotFound);
    CHECK(missing.error().reason == "NoSuchOrganisation");
  }
}

TEST_CASE_TEMPLATE("[HTB-17] forge: nothing is begun once we stop", Backend, Fake, Local, Forgejo) {
  Backend backend;
  const std::string commit = backend.Make(kRepository);
  std::stop_source stop;
  stop.request_stop();
  const std::string before = backend.Writes();
  CHECK(CodeOf(backend.forge.PostStatus(kRepository, commit, Status("x"), stop.get_token())) == Code::kUnavailable);
  CHECK(CodeOf(backend.forge.EnsurePrivateRepository(kSecrets, {{"a", "1"}}, stop.get_token())) == Code::kUnavailable);
  CHECK(backend.Writes() == before);
}

TEST_CASE("[HOST] fake forge: writes are counted, a call or all of them fail") {
  tests::FakeForge forge;
  forge.Put(kRepository, {});
  const std::string commit(40, 'a');
  REQUIRE(forge.PostStatus(kRepository, commit, Status("x"), {}));
  REQUIRE(forge.PostStatus(kRepository, commit, Status("x"), {}));
  CHECK(forge.writes() == 1);
  CHECK(forge.Get(kRepository)->statuses.at(commit).at("x") == Status("x"));

  forge.FailNth(2, {Code::kTimeout, "Broken", "too slow"});
  CHECK(forge.Statuses(kRepository, commit, {}));
  CHECK(CodeOf(forge.PostStatus(kRepository, commit, Status("y"), {})) == Code::kTimeout);
  forge.FailAll(api::Error{Code::kUnavailable, "Down", "the forge is down"});
  CHECK(CodeOf(forge.Statuses(kRepository, commit, {})) == Code::kUnavailable);
  CHECK(CodeOf(forge.CommentOnMerge(kRepository, commit, "x", {})) == Code::kUnavailable);
  forge.FailAll(std::nullopt);
  CHECK(forge.Statuses(kRepository, commit, {}));
  CHECK(forge.writes() == 1);

  forge.Hide(kSecrets);
  CHECK(CodeOf(forge.Statuses(kSecrets, commit, {})) == Code::kNotFound);
  CHECK(CodeOf(forge.EnsurePrivateRepository(kSecrets, {}, {})) == Code::kForbidden);
}

}  // namespace
