#include "cmd/heroctl/work_tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "host/linux/files.h"

namespace heroctl {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using host::linux::Fd;

std::string Below(std::string_view directory, std::string_view name) {
  return directory.empty() ? std::string(name) : std::string(directory) + "/" + std::string(name);
}

/// What is a link or no directory is as absent as it is to git.
Expected<Fd> OpenDirectory(int top, const std::string& directory) {
  auto fd = host::linux::OpenBeneath(top, directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY, directory);
  if (!fd && fd.error().code == Code::kForbidden)
    return Error{Code::kNotFound, "NotFound", directory + " is no directory"};
  return fd;
}

}  // namespace

Expected<std::vector<host::TreeEntry>> WorkTree::List(std::string_view directory) const {
  auto top = host::linux::Open(directory_, O_RDONLY | O_DIRECTORY);
  if (!top) return top.error();
  const std::string shown = Below(directory_, directory);
  auto fd = OpenDirectory(top->get(), std::string(directory));
  if (!fd) return fd.error();
  auto names = host::linux::ListNames(fd->get(), shown);
  if (!names) return names.error();
  std::vector<host::TreeEntry> entries;
  for (std::string& name : *names) {
    auto status = host::linux::StatEntry(fd->get(), name, shown);
    if (!status) return status.error();
    entries.push_back({.name = std::move(name), .is_file = S_ISREG(status->st_mode)});
  }
  return entries;
}

Expected<std::string> WorkTree::Read(std::string_view directory, const host::TreeEntry& entry,
                                     std::size_t bytes_max) const {
  auto top = host::linux::Open(directory_, O_RDONLY | O_DIRECTORY);
  if (!top) return top.error();
  const std::string path = Below(directory, entry.name);
  auto fd = host::linux::OpenBeneath(top->get(), path, O_RDONLY, path);
  if (!fd) return fd.error();
  auto text = host::linux::ReadUpTo(fd->get(), bytes_max + 1, path);
  if (text && text->size() > bytes_max)
    return Error{Code::kInvalid, "FileTooLarge", "has more than " + std::to_string(bytes_max) + " bytes"};
  return text;
}

}  // namespace heroctl
