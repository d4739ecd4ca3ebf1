#include "host/linux/kept_text.h"

#include <sys/stat.h>

#include "host/linux/files.h"

namespace host::linux {
namespace {

constexpr std::size_t kTextMax = 4u << 20;  // Ten times what its only user writes.

}  // namespace

api::Expected<std::string> KeptFile::Read() {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return api::Error{api::Code::kForbidden, "FileIsOpen",
                      path_ + " is open to others: look at who had it, then run chmod 600 " + path_};
  auto text = ReadFile(path_, kTextMax);
  if (!text && text.error().code == api::Code::kNotFound) return std::string();
  return text;
}

api::Expected<void> KeptFile::Replace(std::string_view text) { return ReplaceFile(path_, text, 0600); }

}  // namespace host::linux
