#include "host/sandbox/accounts.h"

#include <utility>

namespace host::sandbox {

namespace {

// Somebody who edits the files without the lock does it once; more often is a fight that waiting ends sooner than
// trying.
constexpr int kTriesMax = 5;

}  // namespace

SandboxAccounts::SandboxAccounts(std::string etc, const Clock& clock, AccountsOptions options)
    : etc_(std::move(etc)), clock_(clock), options_(options) {}

std::int64_t SandboxAccounts::Today() const {
  return std::chrono::floor<std::chrono::days>(clock_.Now()).time_since_epoch().count();
}

std::int64_t SandboxAccounts::Rewrites() const {
  const std::lock_guard lock(mutex_);
  return rewrites_;
}

bool SandboxAccounts::IsWriting() const {
  const std::lock_guard lock(mutex_);
  return is_writing_;
}

/// What the files say now: read again only when one of them changed.
api::Expected<SandboxAccounts::Loaded> SandboxAccounts::Current() const {
  const auto stamps = StampAccounts(etc_);
  if (!stamps) return stamps.error();
  {
    const std::lock_guard lock(mutex_);
    if (loaded_ && loaded_->is_settled && loaded_->stamps == *stamps) return loaded_;
  }
  auto read = LoadAccounts(etc_);
  if (!read) return read.error();
  Loaded loaded = std::make_shared<LoadedAccounts>(*std::move(read));
  const std::lock_guard lock(mutex_);
  loaded_ = loaded;
  return loaded;
}

api::Expected<std::optional<Account>> SandboxAccounts::Find(std::string_view name) const {
  const auto loaded = Current();
  if (!loaded) return loaded.error();
  return (*loaded)->tables.Find(name, Today());
}

api::Expected<Account> SandboxAccounts::Ensure(const AccountWish& wish) {
  if (auto checked = AccountTables::Check(wish); !checked) return checked.error();
  // Nothing to write: nobody has to wait for the lock. While somebody writes anyway, the batch finds that out for less.
  if (!IsWriting()) {
    const auto loaded = Current();
    if (!loaded) return loaded.error();
    const AccountTables& tables = (*loaded)->tables;
    if (const std::int64_t today = Today(); tables.IsFulfilled(wish, today)) return *tables.Find(wish.name, today);
  }
  Request request{wish};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&request);
  answered_.wait(lock, [&] { return request.answer.has_value() || !is_writing_; });
  if (request.answer) return *std::move(request.answer);

  // Nobody writes, so we do, for all who came meanwhile.
  is_writing_ = true;
  const std::vector<Request*> batch = std::exchange(waiting_, {});
  lock.unlock();
  std::vector<Answer> answers = Rewrite(batch);
  lock.lock();
  is_writing_ = false;
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->answer = std::move(answers[i]);
  answered_.notify_all();
  return *std::move(request.answer);
}

/// One locked rewrite for all of the batch; an answer each, in order.
std::vector<SandboxAccounts::Answer> SandboxAccounts::Rewrite(const std::vector<Request*>& batch) noexcept {
  const auto fail_all = [&batch](const api::Error& error) { return std::vector<Answer>(batch.size(), error); };
  if (auto made = linux::MakeDirectories(etc_, 0755); !made) return fail_all(made.error());
  const auto lock = AccountLock::Acquire(etc_, options_.lock_patience);
  if (!lock) return fail_all(lock.error());
  api::Error conflict;
  for (int i = 0; i < kTriesMax; ++i) {
    auto loaded = LoadAccounts(etc_);
    if (!loaded) return fail_all(loaded.error());
    const std::int64_t today = Today();
    if (!loaded->is_complete) loaded->tables.AddSystemAccounts(today);
    std::vector<Answer> answers;
    answers.reserve(batch.size());
    for (const Request* request : batch) answers.push_back(loaded->tables.Apply(request->wish, options_.ids, today));
    if (!loaded->tables.IsChanged()) return answers;
    const auto saved = SaveAccounts(etc_, loaded->tables, loaded->stamps);
    if (saved) {
      const std::lock_guard guard(mutex_);
      ++rewrites_;
      return answers;
    }
    conflict = saved.error();
    if (conflict.code != api::Code::kConflict) break;
  }
  conflict.code = api::Code::kUnavailable;  // To the caller both are: try again.
  return fail_all(conflict);
}

}  // namespace host::sandbox
