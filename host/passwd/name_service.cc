#include "host/passwd/name_service.h"

#include <stop_token>
#include <utility>

namespace host::passwd {

namespace {

// A directory server that is slower than this is down.
constexpr std::chrono::seconds kPatience{5};

// Keys of one call: far below what an argument list takes (128 KB), and some thousand lines of answer.
constexpr std::size_t kKeysMax = 1000;
constexpr std::size_t kAnswerBytesMax = 4u << 20;

constexpr int kFoundAll = 0;
constexpr int kFoundSome = 2;  // getent(1): a key was not found.

/// Adds the lines `name:password:id…` of an answer.
void ReadAnswer(std::string_view text, std::vector<NameService::Entry>& entries) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t second = line.find(':');
    const std::size_t third = second == std::string_view::npos ? second : line.find(':', second + 1);
    if (third == std::string_view::npos) continue;
    const std::string_view rest = line.substr(third + 1);
    if (const auto id = NumberOf(rest.substr(0, rest.find(':')))) {
      entries.push_back({std::string(line.substr(0, second)), *id});
    }
  }
}

}  // namespace

api::Expected<std::vector<NameService::Entry>> Getent::AskDatabase(const char* database,
                                                                   const std::set<std::string>& names,
                                                                   const std::set<std::int64_t>& ids) {
  std::vector<std::string> keys(names.begin(), names.end());
  for (const std::int64_t id : ids) keys.push_back(std::to_string(id));
  std::vector<Entry> entries;
  for (std::size_t at = 0; at < keys.size(); at += kKeysMax) {
    Command command{.argv = {"getent", "--", database},
                    .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}},
                    .deadline = kPatience,
                    .output_bytes_max = kAnswerBytesMax};
    const std::size_t end = std::min(keys.size(), at + kKeysMax);
    for (std::size_t i = at; i < end; ++i) command.argv.push_back(keys[i]);
    const auto finished = processes_.Run(command, std::stop_token());
    if (finished && (finished->exit_code == kFoundAll || finished->exit_code == kFoundSome)) {
      ReadAnswer(finished->out, entries);
      continue;
    }
    const std::string why =
        finished ? "it ended with " + std::to_string(finished->exit_code) : finished.error().message;
    return api::Error{api::Code::kUnavailable, "NameServiceUnavailable",
                      "ask getent for the names of new accounts: " + why + "; see /etc/nsswitch.conf"};
  }
  return entries;
}

api::Expected<NameService::Known> Getent::Ask(const Identities& asked) {
  auto accounts = AskDatabase("passwd", asked.accounts, asked.ids);
  if (!accounts) return accounts.error();
  // An account brings a group of its name.
  std::set<std::string> group_names = asked.groups;
  group_names.insert(asked.accounts.begin(), asked.accounts.end());
  auto groups = AskDatabase("group", group_names, asked.ids);
  if (!groups) return groups.error();
  return Known{*std::move(accounts), *std::move(groups)};
}

}  // namespace host::passwd
