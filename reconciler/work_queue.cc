#include "reconciler/work_queue.h"

#include <algorithm>
#include <utility>

namespace reconciler {
namespace {

using std::chrono::milliseconds;

/// No key sleeps longer: whoever asks for more is looked at and sleeps again. A sum with any point in time cannot
/// overflow.
constexpr milliseconds kDelayMax{std::chrono::hours(24)};

constexpr int kHeldLookedAt = 4;  // As many comparisons as cost what the table does.

std::size_t IndexOf(Priority priority) { return static_cast<std::size_t>(priority); }

/// base * 2^failures, capped; never overflows.
milliseconds Ceiling(const WorkQueueOptions& options, int failures) {
  milliseconds delay = options.backoff_base;
  for (int i = 0; i < failures && delay < options.backoff_max; ++i) delay *= 2;
  return std::min(delay, options.backoff_max);
}

/// 1 ms to `span`: after an outage the retries spread over the whole span instead of coming together.
milliseconds FullJitter(milliseconds span, std::uint64_t random) {
  const auto values = static_cast<std::uint64_t>(std::max<milliseconds::rep>(span.count(), 1));
  return milliseconds(1 + static_cast<milliseconds::rep>(random % values));
}

bool IsBrokenAfter(const WorkQueueOptions& options, int failures) {
  return options.breaker_after > 0 && failures >= options.breaker_after;
}

/// The delay of a key that has just failed once more.
milliseconds Backoff(const WorkQueueOptions& options, int failures, std::uint64_t random) {
  if (!IsBrokenAfter(options, failures)) return FullJitter(Ceiling(options, failures - 1), random);
  const milliseconds half = options.breaker_pause / 2;
  return half + FullJitter(half, random);
}

}  // namespace

WorkQueue::WorkQueue(const host::Clock& clock, host::Entropy& entropy, WorkQueueOptions options)
    : clock_(clock), entropy_(entropy), options_(options) {}

bool WorkQueue::Add(const Request& request, AddOptions options) { return AddWith(request, options, nullptr); }

bool WorkQueue::AddRateLimited(const Request& request, Priority priority, std::string_view cause) {
  const std::uint64_t random = entropy_.Next();
  return AddWith(request, {.priority = priority, .cause = cause}, &random);
}

/// `failure` are the random bits of the key's next backoff; null when it has not failed.
bool WorkQueue::AddWith(const Request& request, const AddOptions& options, const std::uint64_t* failure) {
  const std::size_t hash = RequestHash()(request);
  const TimePoint reading = clock_.SteadyNow();
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kOpen) return false;
    const TimePoint now = Observe(reading);
    Promote(now);
    QueueEntry* entry = entries_.Find(request, hash);
    if (entry == nullptr) {
      if (entries_.size() >= options_.keys_max) return false;
      entry = &entries_.Insert(request, hash);
    }
    entry->cause.assign(options.cause.substr(0, kCauseMax));
    if (failure == nullptr) {
      wakes = Queue(*entry, options, now);
    } else {
      ++stats_.retries_total;
      ++entry->failures;
      AddOptions delayed = options;
      delayed.after = Backoff(options_, entry->failures, *failure);
      wakes = Queue(*entry, delayed, now);
    }
  }
  if (wakes) changed_.notify_one();
  return true;
}

/// As those below: true when a waiting thread has to be told.
bool WorkQueue::Queue(QueueEntry& entry, const AddOptions& options, TimePoint now) {
  const TimePoint ready_at = now + std::clamp(options.after, milliseconds(0), kDelayMax);
  if (!entry.is_queued()) {
    entry.priority = options.priority;
    entry.since = now;
    return ready_at > now ? Delay(entry, ready_at) : MakeReady(entry, now, now);
  }
  if (entry.is_ready) {
    if (options.priority <= entry.priority) return false;
    // To the end of its new level: it did not wait there.
    Dequeue(entry);
    entry.priority = options.priority;
    --stats_.adds_total;  // It is the same wait.
    return MakeReady(entry, entry.since, now);
  }
  entry.priority = std::max(entry.priority, options.priority);
  if (ready_at >= entry.order) return false;
  delayed_.Remove(entry);
  return ready_at > now ? Delay(entry, ready_at) : MakeReady(entry, now, now);
}

bool WorkQueue::Delay(QueueEntry& entry, TimePoint ready_at) {
  entry.order = ready_at;
  entry.number = ++next_number_;
  delayed_.Push(entry);
  ++changes_;
  return waiters_ > 0 && ready_at < wakes_at_;
}

bool WorkQueue::MakeReady(QueueEntry& entry, TimePoint since, TimePoint now) {
  entry.is_ready = true;
  entry.since = since;
  ++stats_.adds_total;
  ++stats_.depth[IndexOf(entry.priority)];
  if (entry.is_held) return false;  // Done puts it in its list.
  PushReady(entry, now);
  return waiters_ > 0;
}

/// Lists are in order of time without a search, because nobody is pushed with an earlier time than those before.
void WorkQueue::PushReady(QueueEntry& entry, TimePoint order) {
  entry.order = order;
  entry.number = ++next_number_;
  entry.is_retry = entry.failures > 0;
  ListOf(entry).Push(entry);
  ++changes_;
}

EntryList& WorkQueue::ListOf(const QueueEntry& entry) {
  Level& level = levels_[IndexOf(entry.priority)];
  return entry.is_retry ? level.retries : level.fresh;
}

/// Takes a queued key out of the queue. If a worker holds it, that goes on.
void WorkQueue::Dequeue(QueueEntry& entry) {
  if (entry.is_delayed()) return delayed_.Remove(entry);
  if (!entry.is_held) ListOf(entry).Remove(entry);
  entry.is_ready = false;
  --stats_.depth[IndexOf(entry.priority)];
}

/// Every reading goes through here. Two threads may come with theirs in either order, so the later one counts.
WorkQueue::TimePoint WorkQueue::Observe(TimePoint reading) const {
  now_ = std::max(now_, reading);
  for (const TimePoint taken : ended_) stats_.work_duration.Count(now_ - taken);
  ended_.clear();
  return now_;
}

/// Makes those ready whose time has come, in the order in which it came. Before each push, so that lists stay in order.
void WorkQueue::Promote(TimePoint now) {
  while (!delayed_.empty() && delayed_.top().order <= now) {
    QueueEntry& entry = delayed_.top();
    delayed_.Remove(entry);
    MakeReady(entry, entry.order, entry.order);
  }
}

/// The ready key whose turn it is. A lower level counts as if its keys had become ready later by the ageing time.
QueueEntry* WorkQueue::First() const {
  QueueEntry* first = nullptr;
  TimePoint first_order{};
  const auto offer = [&](const EntryList& list, TimePoint::duration handicap) {
    QueueEntry* entry = list.front();
    if (entry == nullptr) return;
    const TimePoint order = entry->order + handicap;
    if (first != nullptr && (order > first_order || (order == first_order && entry->number > first->number))) return;
    first = entry;
    first_order = order;
  };
  const TimePoint::duration ageing = options_.ageing;
  const auto handicap = [&](std::size_t level) { return ageing * static_cast<int>(kPriorities - 1 - level); };
  for (std::size_t level = 0; level < kPriorities; ++level) offer(levels_[level].fresh, handicap(level));
  const bool is_retry_due = options_.retries_max == 0 || retries_held_ < options_.retries_max || first == nullptr;
  if (!is_retry_due) return first;
  for (std::size_t level = 0; level < kPriorities; ++level) offer(levels_[level].retries, handicap(level));
  return first;
}

/// Hands out the key whose turn it is; null when none is ready.
const QueueEntry* WorkQueue::Take(TimePoint now) {
  Promote(now);
  QueueEntry* entry = First();
  if (entry == nullptr) return nullptr;
  Dequeue(*entry);
  entry->is_held = true;
  entry->taken = now;
  held_.Push(*entry);
  if (entry->is_retry) ++retries_held_;
  stats_.queue_duration.Count(now - entry->since);
  return entry;
}

std::optional<Request> WorkQueue::TakeReady() {
  const TimePoint reading = clock_.SteadyNow();
  const std::lock_guard lock(mutex_);
  const QueueEntry* entry = Take(Observe(reading));
  return entry != nullptr ? std::optional(entry->request) : std::nullopt;
}

std::optional<Request> WorkQueue::Get(const std::stop_token& stop) {
  TimePoint reading = clock_.SteadyNow();
  std::optional<Request> request;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (const QueueEntry* entry = Take(Observe(reading))) {
      request = entry->request;
      break;
    }
    if (IsOver()) break;
    Wait(lock, stop);
    reading = clock_.SteadyNow();
  }
  // Whoever was woken for a key, or had the clock to look at, passes on what is left for another.
  const bool wakes = HasWorkForAnother();
  lock.unlock();
  if (wakes) changed_.notify_one();
  return request;
}

/// Until something changes or, if nobody else looks at the clock by then, until the next delayed key is ready.
void WorkQueue::Wait(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  const std::uint64_t seen = changes_;
  const auto is_changed = [&] { return changes_ != seen; };
  ++waiters_;
  if (delayed_.empty() || delayed_.top().order >= wakes_at_) {
    changed_.wait(lock, stop, is_changed);
  } else {
    const TimePoint until = wakes_at_ = delayed_.top().order;
    changed_.wait_until(lock, stop, until, is_changed);
    if (wakes_at_ == until) wakes_at_ = TimePoint::max();
  }
  --waiters_;
}

bool WorkQueue::HasWorkForAnother() const {
  if (waiters_ == 0) return false;
  return First() != nullptr || (!delayed_.empty() && delayed_.top().order < wakes_at_);
}

bool WorkQueue::IsOver() const {
  return state_ == State::kShutDown || (state_ == State::kDraining && held_.empty() && First() == nullptr);
}

/// Few are in hand: looking through them is quicker than the table.
QueueEntry* WorkQueue::FindHeld(const Request& request) const {
  int looked_at = 0;
  for (QueueEntry* entry = held_.front(); entry != nullptr; entry = entry->after) {
    if (entry->request == request) return entry;
    if (++looked_at == kHeldLookedAt) return entries_.Find(request, RequestHash()(request));
  }
  return nullptr;
}

void WorkQueue::Done(const Request& request) {
  bool wakes = false;
  bool is_over = false;
  {
    const std::lock_guard lock(mutex_);
    QueueEntry* entry = FindHeld(request);
    if (entry == nullptr || !entry->is_held) return;
    held_.Remove(*entry);
    entry->is_held = false;
    if (entry->is_retry) --retries_held_;
    ended_.push_back(entry->taken);
    if (entry->is_ready) {
      PushReady(*entry, now_);  // Added while in hand: it comes back now, behind those who are ready.
      wakes = waiters_ > 0;
    } else {
      DropIfIdle(*entry);
    }
    is_over = state_ != State::kOpen && IsOver();
    if (is_over) ++changes_;
  }
  if (is_over) {
    changed_.notify_all();
  } else if (wakes) {
    changed_.notify_one();
  }
}

void WorkQueue::Forget(const Request& request) {
  const std::size_t hash = RequestHash()(request);
  const std::lock_guard lock(mutex_);
  QueueEntry* entry = entries_.Find(request, hash);
  if (entry == nullptr) return;
  entry->failures = 0;
  DropIfIdle(*entry);
}

int WorkQueue::failures(const Request& request) const {
  const std::size_t hash = RequestHash()(request);
  const std::lock_guard lock(mutex_);
  const QueueEntry* entry = entries_.Find(request, hash);
  return entry != nullptr ? entry->failures : 0;
}

bool WorkQueue::IsBroken(const Request& request) const { return IsBrokenAfter(options_, failures(request)); }

bool WorkQueue::Cancel(const Request& request) {
  const std::size_t hash = RequestHash()(request);
  {
    const std::lock_guard lock(mutex_);
    QueueEntry* entry = entries_.Find(request, hash);
    if (entry == nullptr || !entry->is_queued()) return false;
    Dequeue(*entry);
    DropIfIdle(*entry);
    if (state_ == State::kOpen || !IsOver()) return true;
    ++changes_;
  }
  changed_.notify_all();
  return true;
}

void WorkQueue::DropDelayed() {
  while (!delayed_.empty()) {
    QueueEntry& entry = delayed_.top();
    Dequeue(entry);
    DropIfIdle(entry);
  }
}

void WorkQueue::ShutDown() {
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kShutDown;
    ++changes_;
    DropDelayed();
    for (QueueEntry* entry = held_.front(); entry != nullptr; entry = entry->after)
      if (entry->is_ready) Dequeue(*entry);
    while (QueueEntry* entry = First()) {
      Dequeue(*entry);
      DropIfIdle(*entry);
    }
  }
  changed_.notify_all();
}

void WorkQueue::ShutDownWithDrain() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kOpen) return;
    state_ = State::kDraining;
    ++changes_;
    DropDelayed();
  }
  changed_.notify_all();
}

std::size_t WorkQueue::size() const {
  const std::lock_guard lock(mutex_);
  std::size_t size = 0;
  for (const std::size_t depth : stats_.depth) size += depth;
  return size;
}

std::optional<WorkQueue::TimePoint> WorkQueue::NextReady() const {
  const std::lock_guard lock(mutex_);
  return delayed_.empty() ? std::nullopt : std::optional(delayed_.top().order);
}

std::vector<QueuedKey> WorkQueue::Inspect() const {
  const auto span = [](auto duration) { return std::chrono::duration_cast<milliseconds>(duration); };
  const TimePoint reading = clock_.SteadyNow();
  const std::lock_guard lock(mutex_);
  const TimePoint now = Observe(reading);
  std::vector<QueuedKey> keys;
  keys.reserve(entries_.size());
  entries_.ForEach([&](const QueueEntry& entry) {
    if (!entry.is_queued() && !entry.is_held) return;
    const bool is_waiting = entry.is_delayed() && !entry.is_held;
    keys.push_back({.request = entry.request,
                    .state = entry.is_held ? QueuedKey::State::kProcessing
                             : is_waiting  ? QueuedKey::State::kWaiting
                                           : QueuedKey::State::kReady,
                    .priority = entry.priority,
                    .age = span(now - (entry.is_held ? entry.taken : entry.since)),
                    .ready_in = is_waiting ? std::max(span(entry.order - now), milliseconds(0)) : milliseconds(0),
                    .failures = entry.failures,
                    .last_cause = entry.cause});
  });
  return keys;
}

QueueStats WorkQueue::Stats() const {
  const TimePoint reading = clock_.SteadyNow();
  const std::lock_guard lock(mutex_);
  const TimePoint now = Observe(reading);
  QueueStats stats = stats_;
  stats.delayed = delayed_.size();
  for (const QueueEntry* entry = held_.front(); entry != nullptr; entry = entry->after) {
    ++stats.held;
    stats.unfinished_work += now - entry->taken;
    stats.longest_running = std::max<std::chrono::nanoseconds>(stats.longest_running, now - entry->taken);
  }
  for (const Level& level : levels_)
    for (const QueueEntry* entry : {level.fresh.front(), level.retries.front()})
      if (entry != nullptr)
        stats.oldest_ready_age = std::max<std::chrono::nanoseconds>(stats.oldest_ready_age, now - entry->since);
  return stats;
}

/// Failures are kept for a key between its tries, so only a key without any is forgotten whole.
void WorkQueue::DropIfIdle(QueueEntry& entry) {
  if (!entry.is_queued() && !entry.is_held && entry.failures == 0) entries_.Erase(entry);
}

}  // namespace reconciler
