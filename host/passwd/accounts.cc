#include "host/passwd/accounts.h"

#include <memory>
#include <utility>

#include "host/passwd/account_lock.h"

namespace host::passwd {

namespace {

using api::Code;

// Somebody who edits without the lock does it once or twice; more often is a fight that waiting ends sooner than
// trying. Asking about names takes a turn as well.
constexpr int kTriesMax = 8;

// Where one number is taken elsewhere the next ones are likely taken too: so many more are asked for at once.
constexpr std::int64_t kIdsAhead = 64;

api::Error Missing(const std::string& etc) {
  return {.code = Code::kUnavailable,
          .reason = "AccountFileMissing",
          .message = "read " + etc +
                     ": passwd, group or shadow is missing; restore it, for example from the copy "
                     "with - at its end"};
}

}  // namespace

FileAccounts::FileAccounts(std::string etc, const Clock& clock, AccountsOptions options)
    : etc_(std::move(etc)), clock_(clock), options_(std::move(options)) {}

std::int64_t FileAccounts::Today() const {
  return std::chrono::floor<std::chrono::days>(clock_.Now()).time_since_epoch().count();
}

std::int64_t FileAccounts::Rewrites() const {
  const std::lock_guard lock(mutex_);
  return rewrites_;
}

bool FileAccounts::IsWriting() const {
  const std::lock_guard lock(mutex_);
  return is_writing_;
}

AccountsVersion FileAccounts::Known() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

void FileAccounts::Keep(AccountsVersion version) const {
  const std::lock_guard lock(mutex_);
  known_ = std::move(version);
}

/// What the files say now: read again only when one of them changed, parsed again only when it says something else.
api::Expected<AccountsVersion> FileAccounts::Current() const {
  const auto stamps = StampAccounts(etc_);
  if (!stamps) return stamps.error();
  AccountsVersion known = Known();
  if (!known.accounts || !known.is_settled || known.stamps != *stamps) {
    // One at a time: of many who find another version one parses it, and the others then see that they know its bytes.
    const std::lock_guard alone(loading_);
    auto loaded = LoadAccounts(etc_, Known());
    if (!loaded) return loaded.error();
    known = *std::move(loaded);
    Keep(known);
  }
  if (!known.is_complete && !options_.makes_missing_files) return Missing(etc_);
  return known;
}

api::Expected<std::optional<Account>> FileAccounts::Find(std::string_view name) const {
  const auto version = Current();
  if (!version) return version.error();
  return version->accounts->tables.Find(name, Today());
}

api::Expected<Account> FileAccounts::Ensure(const AccountWish& wish) {
  if (auto checked = CheckWish(wish, options_.rules); !checked) return checked.error();
  // Nothing to write: nobody has to wait for the lock. While somebody writes anyway, the batch finds that out for less.
  if (!IsWriting()) {
    const auto version = Current();
    if (!version) return version.error();
    const AccountTables& tables = version->accounts->tables;
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

std::optional<std::set<std::string>> FileAccounts::TakeChanged() {
  const auto version = Current();
  const std::lock_guard lock(mutex_);
  const auto before = std::exchange(told_, version ? version->accounts : nullptr);
  if (!before || !told_) return std::nullopt;
  if (before == told_) return std::set<std::string>();
  return told_->tables.ChangedSince(before->tables);
}

/// One locked rewrite for all of the batch; an answer each, in order.
std::vector<FileAccounts::Answer> FileAccounts::Rewrite(const std::vector<Request*>& batch) noexcept {
  const auto fail_all = [&batch](api::Error error) {
    error.code = Code::kUnavailable;  // To the caller a conflict is the same: try again.
    return std::vector<Answer>(batch.size(), error);
  };
  if (options_.makes_missing_files) {
    if (auto made = linux::MakeDirectories(etc_, 0755); !made) return fail_all(made.error());
  }
  Identities asked;
  Identities elsewhere;
  api::Error last{Code::kUnavailable, "NameServiceUnavailable",
                  "make accounts in " + etc_ + ": too many of their numbers are taken by another source of names"};
  for (int i = 0; i < kTriesMax; ++i) {
    Identities to_ask;
    auto answers = TryRewrite(batch, asked, elsewhere, to_ask);
    if (answers) return *std::move(answers);
    if (to_ask.IsEmpty()) {
      last = answers.error();
      if (last.code != Code::kConflict) break;
      continue;
    }
    // Without the lock: a directory server may take its time.
    const auto found = AskElsewhere(to_ask);
    if (!found) return fail_all(found.error());
    asked.Add(to_ask);
    elsewhere.Add(*found);
  }
  return fail_all(last);
}

/// Errors: kConflict when it is to be tried again; with `to_ask` set, after these were asked for.
api::Expected<std::vector<FileAccounts::Answer>> FileAccounts::TryRewrite(const std::vector<Request*>& batch,
                                                                          const Identities& asked,
                                                                          const Identities& elsewhere,
                                                                          Identities& to_ask) {
  const auto lock = AccountLock::Acquire(etc_, options_.lock_patience);
  if (!lock) return lock.error();
  const auto version = Current();
  if (!version) return version.error();
  AccountTables tables = version->accounts->tables;
  tables.Exclude(elsewhere);
  const std::int64_t today = Today();
  if (!version->is_complete) tables.AddSystemAccounts(today);
  std::vector<Answer> answers;
  answers.reserve(batch.size());
  for (const Request* request : batch) answers.push_back(tables.Apply(request->wish, options_.rules, today));
  if (!tables.IsChanged()) return answers;
  if (options_.name_service != nullptr) {
    to_ask = tables.Added().Without(asked);
    if (!elsewhere.ids.empty()) {
      for (const std::int64_t id : std::exchange(to_ask.ids, {})) {
        for (std::int64_t i = 0; i < kIdsAhead; ++i) to_ask.ids.insert(id + i);
      }
    }
    if (!to_ask.IsEmpty()) return api::Error{Code::kConflict, "NamesToAsk", "names have to be asked for first"};
  }
  if (auto written = SaveAccounts(etc_, tables, version->stamps); !written) return written.error();
  // What we wrote needs no parsing; that nobody else wrote since is seen from the bytes.
  tables.MarkSaved();
  AccountTexts texts = tables.Texts();
  const auto saved = std::make_shared<const LoadedAccounts>(LoadedAccounts{std::move(texts), std::move(tables)});
  Keep({.accounts = saved});
  const std::lock_guard guard(mutex_);
  ++rewrites_;
  if (told_ == version->accounts) told_ = saved;  // Else others changed something before us that is still to be told.
  return answers;
}

/// Which of these another source has: what getent finds and the files do not have.
api::Expected<Identities> FileAccounts::AskElsewhere(const Identities& asked) const {
  const auto known = options_.name_service->Ask(asked);
  if (!known) return known.error();
  const auto version = Current();
  if (!version) return version.error();
  const AccountTables& tables = version->accounts->tables;
  Identities elsewhere;
  for (const NameService::Entry& entry : known->accounts) {
    if (tables.Passwd().Has(entry.name)) continue;
    elsewhere.accounts.insert(entry.name);
    elsewhere.ids.insert(entry.id);
  }
  for (const NameService::Entry& entry : known->groups) {
    if (tables.Group().Has(entry.name)) continue;
    elsewhere.groups.insert(entry.name);
    elsewhere.ids.insert(entry.id);
  }
  return elsewhere;
}

}  // namespace host::passwd
