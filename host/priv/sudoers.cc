#include "host/priv/sudoers.h"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <optional>
#include <system_error>

#include "api/meta/words.h"
#include "host/linux/files.h"

namespace host::priv {

namespace {

using api::Code;

// Sudoers of a machine are a handful of files of a few lines; more is a mistake that must not hold up everybody.
constexpr std::size_t kFilesMax = 256;
constexpr std::size_t kFileBytesMax = 1u << 20;

api::Error Unreadable(const std::string& why) {
  return {Code::kUnavailable, "SudoersUnreadable",
          "whom sudoers names has to be known before an account is changed: " + why};
}

std::optional<std::int64_t> NumberIn(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole ? std::optional(number) : std::nullopt;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// What stands between two names: blanks, and all that has a meaning in sudoers. Not `/`, so that no part of a path is
/// a name; not `#` and `%`, which begin one.
bool IsSeparator(char c) { return std::string_view(" \t\r,=:()!\"\\").find(c) != std::string_view::npos; }

/// The path of an include directive, `@include` or `#include`; no value: it is none.
std::optional<std::string> IncludeOf(std::string_view line) {
  const std::string_view trimmed = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
  for (const std::string_view directive : {"@includedir", "#includedir", "@include", "#include"}) {
    if (!trimmed.starts_with(directive)) continue;
    std::string path(trimmed.substr(directive.size()));
    if (path.empty() || (path.front() != ' ' && path.front() != '\t')) continue;
    std::erase_if(path, [](char c) { return c == '"' || c == '\\' || c == '\t' || c == '\r'; });
    return std::string(api::Trimmed(path));
  }
  return std::nullopt;
}

void AddWord(std::string_view word, SudoersNames& names) {
  if (word.empty()) return;
  std::string lower = api::LowerCase(word);
  const std::string_view rest = std::string_view(lower).substr(1);
  if (lower.starts_with("%#")) {
    if (const auto gid = NumberIn(rest.substr(1))) names.gids.insert(*gid);
  } else if (lower.front() == '%') {
    names.groups.emplace(rest);
  } else if (lower.front() == '#') {
    if (const auto uid = NumberIn(rest)) names.uids.insert(*uid);
  } else {
    names.accounts.insert(std::move(lower));
  }
}

/// The words of a line up to its comment. `#` begins one, unless a number follows, or it is quoted or escaped.
void AddLine(std::string_view line, SudoersNames& names) {
  bool is_quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool is_number =
        i + 1 < line.size() && IsDigit(line[i + 1]) && (i == begin || (i == begin + 1 && line[begin] == '%'));
    if (c == '#' && !is_quoted && !is_number) {
      line = line.substr(0, i);
      break;
    }
    if (!IsSeparator(c)) continue;
    AddWord(line.substr(begin, i - begin), names);
    if (c == '"') is_quoted = !is_quoted;
    if (c == '\\' && i + 1 < line.size()) ++i;  // What is escaped begins no comment and no quotes.
    begin = c == '\\' && i < line.size() && !IsSeparator(line[i]) ? i : i + 1;
  }
  AddWord(line.substr(std::min(begin, line.size())), names);
}

/// Reads sudoers and what they include.
class Reader {
 public:
  explicit Reader(const std::string& root) : root_(root) {}

  api::Expected<SudoersNames> Read() {
    for (const std::string path : {"/etc/sudoers", "/etc/sudoers.d"})
      if (auto visited = Visit(path); !visited) return visited.error();
    return std::move(names_);
  }

 private:
  /// A file, or a directory of files. What is absent names nobody.
  api::Expected<void> Visit(const std::string& path) {
    if (!visited_.insert(path).second) return {};
    if (visited_.size() > kFilesMax) return Unreadable("there are more than " + std::to_string(kFilesMax) + " files");
    const auto opened = linux::Open(root_ + path, O_RDONLY | O_NONBLOCK);
    if (!opened && opened.error().code == Code::kNotFound) return {};
    if (!opened) return Unreadable(opened.error().message);
    struct stat status {};
    if (::fstat(opened->get(), &status) != 0) return Unreadable("stat " + path);
    if (S_ISDIR(status.st_mode)) return VisitFolder(*opened, path);
    const auto text = linux::ReadUpTo(opened->get(), kFileBytesMax + 1, path);
    if (!text) return Unreadable(text.error().message);
    if (text->size() > kFileBytesMax) return Unreadable(path + " is too large");
    const SudoersFile file = ParseSudoers(*text);
    names_.Add(file.names);
    for (const std::string& include : file.includes) {
      if (include.find('%') != std::string::npos) return Unreadable(path + " includes a file by a host's name");
      if (auto visited = Visit(include.starts_with('/') ? include : "/etc/" + include); !visited) return visited;
    }
    return {};
  }

  api::Expected<void> VisitFolder(const linux::Fd& folder, const std::string& path) {
    const auto names = linux::ListNames(folder.get(), path);
    if (!names) return Unreadable(names.error().message);
    const std::string below = path + "/";
    for (const std::string& name : *names) {
      if (name.find('.') != std::string::npos || name.ends_with('~')) continue;  // As sudo does.
      if (auto visited = Visit(below + name); !visited) return visited;
    }
    return {};
  }

  const std::string& root_;
  std::set<std::string> visited_;
  SudoersNames names_;
};

}  // namespace

void SudoersNames::Add(const SudoersNames& more) {
  accounts.insert(more.accounts.begin(), more.accounts.end());
  groups.insert(more.groups.begin(), more.groups.end());
  uids.insert(more.uids.begin(), more.uids.end());
  gids.insert(more.gids.begin(), more.gids.end());
}

SudoersFile ParseSudoers(std::string_view text) {
  SudoersFile file;
  std::string line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    line += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\\') && !text.empty()) {  // Goes on.
      line.back() = ' ';
      continue;
    }
    if (auto include = IncludeOf(line))
      file.includes.push_back(*std::move(include));
    else
      AddLine(line, file.names);
    line.clear();
  }
  return file;
}

api::Expected<SudoersNames> ReadSudoers(const std::string& root) { return Reader(root).Read(); }

}  // namespace host::priv
