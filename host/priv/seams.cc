#include "host/priv/seams.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "api/meta/names.h"

namespace host::priv {

namespace {

using namespace std::chrono_literals;

// What each verb may take on the other side (docs/herod-priv.md), and a little more.
constexpr std::chrono::milliseconds kLook = 10s;
constexpr std::chrono::milliseconds kRewrite = 120s;  // The lock (10 s), another source of names (5 s), some turns.
constexpr std::chrono::milliseconds kWrite = 45s;     // A member's process has 30 s.
constexpr std::chrono::milliseconds kEnd = 60s;       // Processes that do not listen, and systemd's answer.
constexpr std::chrono::milliseconds kPack = 1h;       // As long as the controller lets it take.

}  // namespace

api::Expected<std::string> MemberOf(std::string_view home) {
  constexpr std::string_view kHomes = "/home/";
  const std::string_view name = home.starts_with(kHomes) ? home.substr(kHomes.size()) : std::string_view();
  if (api::IsUserName(name)) return std::string(name);
  return api::Error{api::Code::kInvalid, "InvalidHome",
                    "home " + std::string(home) + " is not /home and a member's name"};
}

api::Expected<std::optional<Account>> PrivAccounts::Find(std::string_view name) const {
  return client_.Call(FindAccount{std::string(name)}, kLook);
}

api::Expected<Account> PrivAccounts::Ensure(const AccountWish& wish) {
  return client_.Call(EnsureAccount{wish}, kRewrite);
}

/// Asks for all of these in one packet. The answers are of the first of them, at least one; the rest did not fit.
std::vector<api::Expected<HomeState>> PrivHomes::AskAll(std::vector<std::string> names) const {
  const std::size_t asked = names.size();
  auto seen = client_.Call(LookHomes{std::move(names)}, kLook);
  if (seen && !seen->homes.empty() && seen->homes.size() <= asked) return std::move(seen->homes);
  const api::Error error = seen ? api::Error{api::Code::kUnavailable, "BadAnswer",
                                             "look at homes: herod-priv answered for " +
                                                 std::to_string(seen->homes.size()) + " of " + std::to_string(asked)}
                                : seen.error();
  return std::vector<api::Expected<HomeState>>(asked, error);
}

api::Expected<HomeState> PrivHomes::Look(std::string_view home) const {
  auto name = MemberOf(home);
  if (!name) return name.error();
  Question question{*std::move(name)};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&question);
  while (!question.answer) {
    if (is_asking_) {
      answered_.wait(lock);
      continue;
    }
    // Nobody asks, so we do, for all who came meanwhile.
    is_asking_ = true;
    const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), LookHomes::kHomesMax));
    std::vector<std::string> names;
    std::transform(waiting_.begin(), waiting_.begin() + count, std::back_inserter(names),
                   [](const Question* asked) { return asked->name; });
    lock.unlock();
    auto answers = AskAll(std::move(names));
    lock.lock();  // A question is its asker's, who goes as soon as it has an answer.
    for (auto& answer : answers) {
      waiting_.front()->answer = std::move(answer);
      waiting_.pop_front();
    }
    is_asking_ = false;
    answered_.notify_all();
  }
  return *std::move(question.answer);
}

api::Expected<void> PrivHomes::EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) {
  auto name = MemberOf(home);
  if (!name) return name.error();
  return client_.Call(priv::EnsureHome{*std::move(name), uid, gid}, kWrite);
}

api::Expected<void> PrivHomes::WriteAuthorizedKeys(std::string_view home, std::string_view content) {
  auto name = MemberOf(home);
  if (!name) return name.error();
  return client_.Call(WriteKeys{*std::move(name), std::string(content)}, kWrite);
}

api::Expected<bool> PrivWork::IsThere(std::string_view home) const {
  auto name = MemberOf(home);
  if (!name) return name.error();
  return client_.Call(HasWork{*std::move(name)}, kLook);
}

api::Expected<Packed> PrivWork::Pack(std::string_view home, int descriptor, std::stop_token stop) {
  auto name = MemberOf(home);
  if (!name) return name.error();
  return client_.Call(PackWork{*std::move(name)}, kPack, stop, descriptor);
}

api::Expected<SessionsState> PrivSessions::Look(std::string_view name) const {
  return client_.Call(LookSessions{std::string(name)}, kLook);
}

api::Expected<void> PrivSessions::End(std::string_view name) {
  return client_.Call(EndSessions{std::string(name)}, kEnd);
}

api::Expected<void> PrivSessions::DropJobs(std::string_view name) {
  return client_.Call(priv::DropJobs{std::string(name)}, kEnd);
}

}  // namespace host::priv
