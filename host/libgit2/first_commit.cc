#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include <git2.h>

#include "host/forge.h"
#include "host/libgit2/git.h"
#include "host/libgit2/handle.h"
#include "host/libgit2/leftovers.h"

namespace host::libgit2 {

namespace {

using api::Expected;
using Repository = Handle<git_repository, git_repository_free>;
using Index = Handle<git_index, git_index_free>;
using Tree = Handle<git_tree, git_tree_free>;
using Signature = Handle<git_signature, git_signature_free>;
using Files = std::map<std::string, std::string>;

constexpr const char* kAuthor = "Hero Team Box";
constexpr const char* kEmail = "herobox@localhost";
constexpr const char* kDefaultBranch = "main";
constexpr std::chrono::seconds kLockAgeMax{5};  // A push holds its locks for milliseconds.

/// Makes a repository, or completes one that a killed run began.
Expected<Repository> Init(const std::string& path, const std::string& what) {
  git_repository_init_options options{};
  git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
  options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR | GIT_REPOSITORY_INIT_MKPATH;
  options.initial_head = kDefaultBranch;
  Repository repository;
  const int code =
      Own(repository, [&](git_repository** out) { return git_repository_init_ext(out, path.c_str(), &options); });
  if (code != 0) return GitError(what, code);
  return repository;
}

Expected<Tree> WriteTree(const Repository& repository, const Files& files, const std::string& what) {
  Index index;
  int code = Own(index, [](git_index** out) { return git_index_new(out); });
  for (auto file = files.begin(); code == 0 && file != files.end(); ++file) {
    git_index_entry entry{};
    entry.mode = GIT_FILEMODE_BLOB;
    entry.path = file->first.c_str();
    code = git_blob_create_from_buffer(&entry.id, repository.get(), file->second.data(), file->second.size());
    if (code == 0 && git_index_add(index.get(), &entry) != 0)
      return api::Error{api::Code::kInvalid, "InvalidFilePath", GitError(what, GIT_ERROR).message};
  }
  git_oid id{};
  if (code == 0) code = git_index_write_tree_to(&id, index.get(), repository.get());
  Tree tree;
  if (code == 0) code = Own(tree, [&](git_tree** out) { return git_tree_lookup(out, repository.get(), &id); });
  if (code != 0) return GitError(what, code);
  return tree;
}

}  // namespace

Expected<bool> LibGit2Git::MakeFirstCommit(std::string_view repository_path, const Files& files) {
  const std::string path(repository_path);
  const std::string what = "make the first commit of " + path;
  if (!path.starts_with('/'))
    return api::Error{api::Code::kInvalid, "InvalidPath", what + ": the path is not absolute"};
  if (auto good = CheckFirstFiles(files); !good) return good.error().Within(what);
  const auto heads = Heads(path);
  if (heads && !heads->empty()) return false;
  if (!heads && heads.error().code != api::Code::kNotFound) return heads.error();

  RemoveLeftovers(path, clock_.Now(), kLockAgeMax);
  const auto repository = Init(path, what);
  if (!repository) return repository.error();
  const auto tree = WriteTree(*repository, files, what);
  if (!tree) return tree.error();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(clock_.Now()).time_since_epoch().count();
  Signature author;
  int code = Own(author, [&](git_signature** out) { return git_signature_new(out, kAuthor, kEmail, seconds, 0); });
  if (code != 0) return GitError(what, code);
  git_oid commit{};
  code = git_commit_create(&commit, repository->get(), "HEAD", author.get(), author.get(), nullptr, "First commit\n",
                           tree->get(), 0, nullptr);
  if (code == GIT_EMODIFIED) return false;  // Somebody else's came first.
  if (code != 0) return GitError(what, code);
  return true;
}

}  // namespace host::libgit2
