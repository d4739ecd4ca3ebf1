#include "host/linux/token_file.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/linux/files.h"

namespace host::linux {

namespace {

constexpr std::size_t kTokenBytesMax = 4096;  // Forgejo's have 40.

}  // namespace

api::Expected<std::string> ReadTokenFile(const std::string& path) {
  const auto refused = [&path](const std::string& why) {
    return api::Error{api::Code::kForbidden, "TokenFileRefused", "the token file " + path + " " + why};
  };
  const auto file = Open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file) return refused("cannot be read (" + file.error().message + "); write the forge's token to it, mode 0600");
  struct stat status {};
  if (::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return refused("is no regular file");
  if ((status.st_mode & 0077U) != 0) return refused("can be read by others; chmod 600 it, and make a new token");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) return refused("belongs to another user; chown it");
  auto text = ReadUpTo(file->get(), kTokenBytesMax + 1, path);
  if (!text) return refused("cannot be read");
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  const bool is_line = std::all_of(text->begin(), text->end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (text->empty() || text->size() > kTokenBytesMax || !is_line)
    return refused("has to hold one line, the token, without blanks");
  return text;
}

}  // namespace host::linux
