// What every Git promises, the fake one too: read from a mirror that was fetched by path or over https, or straight.
#include <map>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "tests/host/git_https_world.h"
#include "tests/support/fake_git.h"

namespace tests {
namespace {

using api::Code;
using Files = std::map<std::string, std::string>;

/// In memory.
struct Fake {
  FakeGit git;
  const std::string url = "file:///origin";
  const std::string mirror = "/mirror";

  Fake() { git.Make(url); }
  std::string Push(const std::string& branch, const Files& files) { return git.Commit(url, branch, files); }
  std::string Rewrite(const std::string& branch, const Files& files) {
    git.SetHead(url, branch, "");
    return git.Commit(url, branch, files);
  }
  void Drop(const std::string& branch) { git.SetHead(url, branch, ""); }
  api::Expected<void> Take() { return git.Fetch(url, mirror, {}, {}); }
};

/// The real one, and an origin beside it.
template <class WorldT>
struct Real : WorldT {
  std::string Push(const std::string& branch, const Files& files) {
    Clear();
    return WorldT::Push(branch, files);
  }
  std::string Rewrite(const std::string& branch, const Files& files) {
    this->Git({"checkout", "-q", "--orphan", "rewritten"});
    return Push(branch, files);
  }
  void Drop(const std::string& branch) { this->Git({"push", "-q", this->origin, ":refs/heads/" + branch}); }

 private:
  /// A commit has exactly the files that are pushed with it.
  void Clear() { this->Git({"rm", "-rqf", "--ignore-unmatch", "."}); }
};

struct ByPath : Real<GitWorld> {
  api::Expected<void> Take() { return Fetch(); }
};

struct ByHttps : Real<HttpsWorld> {
  api::Expected<void> Take() { return FetchHttps(https); }
};

/// Not mirrored: the origin is read where it is.
struct Straight : Real<GitWorld> {
  Straight() { mirror = origin; }
  static api::Expected<void> Take() { return {}; }
};

TEST_CASE_TEMPLATE("[HOST] git contract: branches come and go as the origin's do", Backend, Fake, ByPath, ByHttps,
                   Straight) {
  Backend backend;
  const auto heads = [&] {
    REQUIRE(backend.Take());
    const auto read = backend.git.Heads(backend.mirror);
    REQUIRE_MESSAGE(read, read.error().message);
    return *read;
  };
  CHECK(heads().empty());
  const std::string first = backend.Push("main", {{"a", "1"}});
  CHECK(heads() == Branches{{"main", first}});
  const std::string second = backend.Push("main", {{"a", "2"}});
  const std::string other = backend.Push("side/branch", {{"a", "3"}});
  CHECK(heads() == Branches{{"main", second}, {"side/branch", other}});
  backend.Drop("side/branch");
  CHECK(heads() == Branches{{"main", second}});
}

TEST_CASE_TEMPLATE("[HOST] git contract: a tree is listed by directory, sorted, and its files are read", Backend, Fake,
                   ByPath, ByHttps, Straight) {
  Backend backend;
  const std::string commit =
      backend.Push("main", {{"users/b.toml", "b"}, {"users/a.toml", "a"}, {"users.md", ""}, {"README.md", "hi"}});
  REQUIRE(backend.Take());
  const auto names = [&](const char* directory) {
    std::string text;
    const auto entries = backend.git.ListTree(backend.mirror, commit, directory);
    REQUIRE_MESSAGE(entries, entries.error().message);
    for (const host::TreeEntry& entry : *entries) text += entry.name + (entry.is_file ? " " : "/ ");
    return text;
  };
  CHECK(names("") == "README.md users/ users.md ");
  CHECK(names("users") == "a.toml b.toml ");
  const auto users = backend.git.ListTree(backend.mirror, commit, "users");
  CHECK(users->front().blob.size() == 40);
  CHECK(backend.git.ReadBlob(backend.mirror, users->front().blob, 1).value_or("") == "a");
  const auto too_large = backend.git.ReadBlob(backend.mirror, users->front().blob, 0);
  CHECK(CodeOf(too_large) == Code::kInvalid);
  CHECK(too_large.error().reason == "BlobTooLarge");
  CHECK(CodeOf(backend.git.ListTree(backend.mirror, commit, "nowhere")) == Code::kNotFound);
}

TEST_CASE_TEMPLATE("[SEC-10] git contract: a history contains what it was made on, and a rewritten one does not",
                   Backend, Fake, ByPath, ByHttps, Straight) {
  Backend backend;
  const std::string first = backend.Push("main", {{"a", "1"}});
  const std::string second = backend.Push("main", {{"a", "2"}});
  REQUIRE(backend.Take());
  const auto contains = [&](const std::string& commit, const std::string& ancestor) {
    return backend.git.Contains(backend.mirror, commit, ancestor);
  };
  CHECK(contains(second, first).value_or(false));
  CHECK(contains(first, first).value_or(false));
  CHECK_FALSE(contains(first, second).value_or(true));
  const std::string rewritten = backend.Rewrite("main", {{"a", "3"}});
  REQUIRE(backend.Take());
  CHECK(backend.git.Heads(backend.mirror).value_or({}) == Branches{{"main", rewritten}});
  const auto lost = contains(rewritten, second);
  CHECK((lost ? !*lost : lost.error().code == Code::kNotFound));
}

TEST_CASE_TEMPLATE("[HOST] git contract: what is not there is absent, and what is no id is refused", Backend, Fake,
                   ByPath, ByHttps, Straight) {
  Backend backend;
  const std::string commit = backend.Push("main", {{"a", "1"}});
  REQUIRE(backend.Take());
  const std::string absent(40, '0');
  CHECK(CodeOf(backend.git.Heads("/nowhere")) == Code::kNotFound);
  CHECK(CodeOf(backend.git.ListTree(backend.mirror, absent, "")) == Code::kNotFound);
  CHECK(CodeOf(backend.git.ReadBlob(backend.mirror, absent, 10)) == Code::kNotFound);
  CHECK(CodeOf(backend.git.Contains(backend.mirror, commit, absent)) == Code::kNotFound);
  CHECK(CodeOf(backend.git.Contains(backend.mirror, absent, commit)) == Code::kNotFound);
  for (const std::string wrong : {"", "main", "HEAD", "--help", "abc", "../../etc/passwd"}) {
    CAPTURE(wrong);
    CHECK(CodeOf(backend.git.ListTree(backend.mirror, wrong, "")) == Code::kInvalid);
    CHECK(CodeOf(backend.git.ReadBlob(backend.mirror, wrong, 10)) == Code::kInvalid);
    CHECK(CodeOf(backend.git.Contains(backend.mirror, commit, wrong)) == Code::kInvalid);
    CHECK(CodeOf(backend.git.SignatureFault(backend.mirror, wrong, "/dev/null", {})) == Code::kInvalid);
  }
}

TEST_CASE_TEMPLATE("[SEC-60] git contract: a fetch from nowhere, and one that is stopped, leave the branches", Backend,
                   Fake, ByPath, ByHttps) {
  Backend backend;
  const std::string commit = backend.Push("main", {{"a", "1"}});
  REQUIRE(backend.Take());
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(CodeOf(backend.git.Fetch("file:///nowhere/at/all.git", backend.mirror, {}, {})) == Code::kUnavailable);
  CHECK(CodeOf(backend.git.Fetch(backend.url, backend.mirror, {}, stopped.get_token())) == Code::kUnavailable);
  CHECK(backend.git.Heads(backend.mirror).value_or({}) == Branches{{"main", commit}});
  REQUIRE(backend.git.RemoveMirror(backend.mirror));
  CHECK(CodeOf(backend.git.Heads(backend.mirror)) == Code::kNotFound);
  REQUIRE(backend.git.RemoveMirror(backend.mirror));
}

TEST_CASE_TEMPLATE("[HTB-12] git contract: a first commit is made once", Backend, Fake, ByPath) {
  Backend backend;
  const std::string path = backend.mirror + "-made";
  CHECK(backend.git.MakeFirstCommit(path, {{"a", "1"}, {"b/c", "2"}}).value_or(false));
  CHECK_FALSE(backend.git.MakeFirstCommit(path, {{"a", "2"}}).value_or(true));
  const auto heads = backend.git.Heads(path);
  REQUIRE(heads);
  REQUIRE(heads->contains("main"));
  CHECK(backend.git.ListTree(path, heads->at("main"), "b").value_or({}).front().name == "c");
}

}  // namespace
}  // namespace tests
