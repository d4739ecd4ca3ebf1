#include "host/libgit2/git.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <git2.h>

#include "api/codec/text.h"
#include "host/libgit2/handle.h"

namespace host::libgit2 {

api::Error GitError(const std::string& what, int code) {
  const git_error* last = git_error_last();
  const std::string text =
      last != nullptr && last->message != nullptr ? api::codec::Printable(last->message) : "failed";
  const bool is_absent = code == GIT_ENOTFOUND;
  return {.code = is_absent ? api::Code::kNotFound : api::Code::kUnavailable,
          .reason = is_absent ? "NotFound" : "GitUnavailable",
          .message = what + ": " + text};
}

namespace {

using api::Code;
namespace fs = std::filesystem;

constexpr std::string_view kBranches = "refs/heads/";

using Repository = Handle<git_repository, git_repository_free>;
using ReferenceIterator = Handle<git_reference_iterator, git_reference_iterator_free>;
using CommitObject = Handle<git_commit, git_commit_free>;
using Tree = Handle<git_tree, git_tree_free>;
using Entry = Handle<git_tree_entry, git_tree_entry_free>;
using ObjectDatabase = Handle<git_odb, git_odb_free>;
using BlobObject = Handle<git_blob, git_blob_free>;

/// Opening as bare checks neither the owner nor the extensions that a member's tools may have switched on
/// (sparse-checkout, partial clone): only refs and objects are read, no configuration of the repository has a say in
/// that.
api::Expected<Repository> OpenBare(std::string_view path) {
  const std::string at(path);
  Repository repository;
  const int code = Own(repository, [&](git_repository** out) { return git_repository_open_bare(out, at.c_str()); });
  if (code == 0) return repository;
  api::Error error = GitError("open repository " + at, code);
  // libgit2 says "not found" for what it may not read as well; that would be unknown, not absent.
  if (error.code == Code::kNotFound && ::access((at + "/HEAD").c_str(), R_OK) != 0 && errno != ENOENT &&
      errno != ENOTDIR) {
    error.code = Code::kUnavailable;
  }
  return error;
}

/// The full names of all branches. libgit2's iterator leaves out a loose one that it cannot parse (a power cut leaves
/// an empty file), and a branch that is unknown must not look like one that is gone: so the loose files are listed too.
api::Expected<std::set<std::string>> BranchReferences(const Repository& repository, const std::string& what) {
  std::set<std::string> names;
  ReferenceIterator iterator;
  int code = Own(iterator, [&](git_reference_iterator** out) {
    return git_reference_iterator_glob_new(out, repository.get(), "refs/heads/*");
  });
  const char* name = nullptr;
  while (code == 0 && (code = git_reference_next_name(&name, iterator.get())) == 0) names.emplace(name);
  if (code != GIT_ITEROVER) return GitError(what, code);

  const std::string top = git_repository_path(repository.get());
  std::error_code error;
  for (fs::recursive_directory_iterator entry(top + std::string(kBranches), error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_directory(error) && entry->path().extension() != ".lock") {
      names.insert(entry->path().string().substr(top.size()));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return api::Error{Code::kUnavailable, "GitUnavailable", what + ": " + error.message()};
  }
  return names;
}

api::Expected<git_oid> ParseId(std::string_view id) {
  git_oid oid{};
  if (id.size() == GIT_OID_HEXSZ && git_oid_fromstrn(&oid, id.data(), id.size()) == 0) return oid;
  return api::Error{Code::kInvalid, "InvalidObjectId",
                    api::codec::Printable(id, 64) + " is no object id of 40 hex digits"};
}

std::string Hex(const git_oid& oid) {
  std::array<char, GIT_OID_HEXSZ> text{};
  git_oid_fmt(text.data(), &oid);
  return {text.data(), text.size()};
}

api::Expected<CommitObject> FindCommit(const Repository& repository, std::string_view id) {
  const auto oid = ParseId(id);
  if (!oid) return oid.error();
  CommitObject commit;
  const int code = Own(commit, [&](git_commit** out) { return git_commit_lookup(out, repository.get(), &*oid); });
  if (code != 0) return GitError("find commit " + std::string(id), code);
  return commit;
}

/// The tree of a directory; of the whole commit when `directory` is empty.
api::Expected<Tree> FindTree(const Repository& repository, const CommitObject& commit, const std::string& directory) {
  Tree root;
  int code = Own(root, [&](git_tree** out) { return git_commit_tree(out, commit.get()); });
  if (code != 0) return GitError("read the commit's tree", code);
  if (directory.empty()) return root;
  Entry entry;
  code = Own(entry, [&](git_tree_entry** out) { return git_tree_entry_bypath(out, root.get(), directory.c_str()); });
  if (code != 0) return GitError("find directory " + directory, code);
  if (git_tree_entry_type(entry.get()) != GIT_OBJECT_TREE) {
    return api::Error{Code::kNotFound, "NotFound", "find directory " + directory + ": it is none"};
  }
  Tree tree;
  code =
      Own(tree, [&](git_tree** out) { return git_tree_lookup(out, repository.get(), git_tree_entry_id(entry.get())); });
  if (code != 0) return GitError("read directory " + directory, code);
  return tree;
}

}  // namespace

LibGit2Git::LibGit2Git(Processes& processes, const Clock& clock, ForgeAccess access)
    : processes_(processes), clock_(clock), access_(std::move(access)) {
  // Begun once and never ended: its end takes the hook with it by which OpenSSL frees what it keeps for a thread, so
  // that every later thread with a connection leaks (seen by the leak sanitizer, libgit2 1.5).
  static const int kBegun = git_libgit2_init();
  static_cast<void>(kBegun);
  git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);  // What we commit survives a power cut.
}

api::Expected<std::map<std::string, std::string>> LibGit2Git::Heads(std::string_view repository) const {
  const auto opened = OpenBare(repository);
  if (!opened) return opened.error();
  const std::string what = "read branches of " + std::string(repository);
  const auto names = BranchReferences(*opened, what);
  if (!names) return names.error();
  ObjectDatabase database;
  int code = Own(database, [&](git_odb** out) { return git_repository_odb(out, opened->get()); });
  if (code != 0) return GitError(what, code);
  std::map<std::string, std::string> heads;
  for (const std::string& name : *names) {
    git_oid oid{};
    code = git_reference_name_to_id(&oid, opened->get(), name.c_str());
    if (code == GIT_ENOTFOUND) continue;  // A symbolic one that points nowhere, or gone since.
    if (code != 0) return GitError(what, code);
    if (git_odb_exists(database.get(), &oid) == 0) {
      return api::Error{Code::kUnavailable, "GitUnavailable", what + ": the commit of a branch is missing"};
    }
    heads[name.substr(kBranches.size())] = Hex(oid);
  }
  return heads;
}

api::Expected<std::vector<TreeEntry>> LibGit2Git::ListTree(std::string_view repository, std::string_view commit,
                                                           std::string_view directory) const {
  const auto opened = OpenBare(repository);
  if (!opened) return opened.error();
  const auto top = FindCommit(*opened, commit);
  if (!top) return top.error();
  const auto tree = FindTree(*opened, *top, std::string(directory));
  if (!tree) return tree.error();
  std::vector<TreeEntry> entries;
  for (std::size_t i = 0; i < git_tree_entrycount(tree->get()); ++i) {
    const git_tree_entry* entry = git_tree_entry_byindex(tree->get(), i);
    const git_filemode_t mode = git_tree_entry_filemode(entry);
    entries.push_back({.name = git_tree_entry_name(entry),
                       .blob = Hex(*git_tree_entry_id(entry)),
                       .is_file = mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE});
  }
  // git sorts a directory as if its name ended with a slash.
  std::sort(entries.begin(), entries.end(), [](const TreeEntry& a, const TreeEntry& b) { return a.name < b.name; });
  return entries;
}

api::Expected<std::string> LibGit2Git::ReadBlob(std::string_view repository, std::string_view blob,
                                                std::size_t bytes_max) const {
  const auto opened = OpenBare(repository);
  if (!opened) return opened.error();
  const auto oid = ParseId(blob);
  if (!oid) return oid.error();
  const std::string what = "read blob " + std::string(blob);
  ObjectDatabase database;
  int code = Own(database, [&](git_odb** out) { return git_repository_odb(out, opened->get()); });
  if (code != 0) return GitError(what, code);
  // The size first: what is too large is never unpacked.
  std::size_t size_bytes = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  code = git_odb_read_header(&size_bytes, &type, database.get(), &*oid);
  if (code != 0) return GitError(what, code);
  if (type != GIT_OBJECT_BLOB) return api::Error{Code::kNotFound, "NotFound", what + ": it is no blob"};
  if (size_bytes > bytes_max) {
    return api::Error{Code::kInvalid, "BlobTooLarge",
                      what + ": it has " + std::to_string(size_bytes) + " bytes, at most " + std::to_string(bytes_max) +
                          " are allowed"};
  }
  BlobObject object;
  code = Own(object, [&](git_blob** out) { return git_blob_lookup(out, opened->get(), &*oid); });
  if (code != 0) return GitError(what, code);
  return std::string(static_cast<const char*>(git_blob_rawcontent(object.get())), git_blob_rawsize(object.get()));
}

api::Expected<bool> LibGit2Git::Contains(std::string_view repository, std::string_view commit,
                                         std::string_view ancestor) const {
  const auto opened = OpenBare(repository);
  if (!opened) return opened.error();
  const auto young = FindCommit(*opened, commit);
  if (!young) return young.error();
  const auto old = FindCommit(*opened, ancestor);
  if (!old) return old.error();
  const git_oid* from = git_commit_id(young->get());
  const git_oid* to = git_commit_id(old->get());
  if (git_oid_equal(from, to) != 0) return true;  // To libgit2 no commit is its own descendant.
  const int code = git_graph_descendant_of(opened->get(), from, to);
  if (code < 0) return GitError("walk the history of " + std::string(commit), GIT_ERROR);
  return code == 1;
}

api::Expected<void> LibGit2Git::RemoveMirror(std::string_view mirror) {
  const auto heads = Heads(mirror);  // Nothing but a repository is ever removed, whatever a path may name by mistake.
  const std::filesystem::path path(mirror);
  std::error_code error;
  if (!heads && !std::filesystem::exists(std::filesystem::symlink_status(path, error))) return {};
  if (!heads && heads.error().code == Code::kNotFound)
    return api::Error{
        .code = Code::kInvalid,
        .reason = "NotARepository",
        .message = "remove " + std::string(mirror) + ": it is no bare repository; look at it and move it away"};
  std::filesystem::remove_all(path, error);
  if (error)
    return api::Error{.code = Code::kUnavailable,
                      .reason = "RemoveFailed",
                      .message = "remove " + std::string(mirror) + ": " + error.message()};
  return {};
}

}  // namespace host::libgit2
