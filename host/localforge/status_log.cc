#include "host/localforge/status_log.h"

#include <cerrno>
#include <fcntl.h>
#include <map>
#include <string>
#include <unistd.h>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "host/linux/files.h"

namespace host::localforge {

namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr const char* kFile = "statuses";
constexpr mode_t kMode = 0600;

}  // namespace

Expected<std::string> StatusLog::Text() const {
  const auto file = linux::OpenBeneath(directory_, kFile, O_RDONLY, shown_);
  if (!file && file.error().code == Code::kNotFound) return std::string();
  if (!file) return file.error();
  auto text = linux::ReadUpTo(file->get(), kFileBytesMax + 1, shown_);
  if (!text || text->size() <= kFileBytesMax) return text;
  return Error{Code::kUnavailable, "StatusesTooLarge",
               std::string(shown_) + "/" + kFile + " is larger than the " + std::to_string(kFileBytesMax) +
                   " bytes that we let it grow to; move it away"};
}

Expected<std::vector<CommitStatus>> StatusLog::Read(std::string_view commit) const {
  const auto text = Text();
  if (!text) return text.error();
  std::map<std::string, CommitStatus> newest;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = text->find('\n', at);
    if (end == std::string::npos) break;  // Half a line.
    const std::string_view line = std::string_view(*text).substr(at, end - at);
    at = end + 1;
    if (line.find(commit) == std::string_view::npos) continue;  // Most lines, cheaply.
    const auto entry = api::codec::ParseJson(line);
    if (!entry) continue;
    const auto field = [&entry](std::string_view name) {
      const api::Json* value = entry->Find(name);
      return value == nullptr ? std::string() : value->StringOr("");
    };
    const auto state = CommitStateOf(field("state"));
    if (field("commit") != commit || !state) continue;
    std::string context = field("context");
    newest[context] = {.context = context, .state = *state, .description = field("description")};
  }
  std::vector<CommitStatus> statuses;
  statuses.reserve(newest.size());
  for (auto& [context, status] : newest) statuses.push_back(std::move(status));
  return statuses;
}

Expected<void> StatusLog::Append(std::string_view commit, const CommitStatus& status, api::Time now) {
  std::string line = api::codec::WriteJson(api::Json::Of({{"commit", commit},
                                                          {"context", status.context},
                                                          {"description", status.description},
                                                          {"state", CommitStateName(status.state)},
                                                          {"time", api::codec::FormatTime(now)}}));
  line += '\n';
  auto text = Text();
  if (!text) return text.error();
  if (text->size() + line.size() + 1 > kFileBytesMax) {
    text->erase(0, text->size() / 2);
    text->erase(0, text->find('\n') + 1);
    return linux::ReplaceFile(directory_, kFile, *text + line, kMode);
  }
  const linux::Fd file(
      ::openat(directory_, kFile, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kMode));
  if (!file) return linux::SystemError("open " + std::string(shown_) + "/" + kFile, errno);
  if (!text->empty() && text->back() != '\n') line.insert(0, "\n");  // What a power cut left ends here.
  const ssize_t written = ::write(file.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size()) && ::fdatasync(file.get()) == 0) return {};
  const int error_number = written < 0 || written == static_cast<ssize_t>(line.size()) ? errno : ENOSPC;
  const off_t before = static_cast<off_t>(text->size());
  const bool is_back = ::ftruncate(file.get(), before) == 0;  // If not, the half line is passed over.
  return linux::SystemError(
      "append to " + std::string(shown_) + "/" + kFile + (is_back ? "" : ", half of a line stays"), error_number);
}

}  // namespace host::localforge
