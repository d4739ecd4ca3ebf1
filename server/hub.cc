#include "server/hub.h"

#include <array>
#include <exception>
#include <utility>

#include "host/log.h"
#include "server/session.h"

namespace server {
namespace {

constexpr std::size_t kPumpedAtOnce = 64;  // Below half a millisecond; then others are served.
constexpr std::size_t kRefusedMax = 64;    // Connections beyond the limit that are being told so at once.

void Decrease(std::map<std::string, std::size_t>& counts, const std::string& key) {
  const auto found = counts.find(key);
  if (--found->second == 0) counts.erase(found);
}

}  // namespace

Hub::Hub(const ListenerOptions& options_in, const Service& service_in)
    : options(options_in), service(service_in), workers(options_in.workers, options_in.waiting_per_user_max) {}

Hub::Entry Hub::Enter(Session& session, const Caller& caller) {
  const std::lock_guard lock(mutex_);
  if (local_ >= options.connections_max + kRefusedMax) return Entry::kUnheard;
  const auto seat = seats_.emplace(&session, Seat{.who = caller.name, .number = ++next_number_}).first;
  const std::size_t of_user = AddNamed(seat->second);
  const bool is_over =
      local_ > options.connections_max || (!caller.is_operator && of_user > options.connections_per_user_max);
  return is_over ? Entry::kTooMany : Entry::kWelcome;
}

void Hub::EnterUnknown(Session& session, const std::string& address) {
  std::vector<std::shared_ptr<Session>> evicted;
  {
    const std::lock_guard lock(mutex_);
    EvictFor(address, evicted);
    const std::uint64_t number = ++next_number_;
    seats_.emplace(&session, Seat{.who = address, .is_remote = true, .is_unknown = true, .number = number});
    unknown_.emplace(number, &session);
    ++unknown_by_address_[address];
  }
  for (const auto& old : evicted) old->Close();
}

/// Makes room for one more, by taking the oldest out of the queue of those that are nobody; they leave the table when
/// they are gone.
void Hub::EvictFor(const std::string& address, std::vector<std::shared_ptr<Session>>& evicted) {
  const auto of_address = unknown_by_address_.find(address);
  const bool is_address_full =
      of_address != unknown_by_address_.end() && of_address->second >= options.tcp.unknown_per_address_max;
  if (!is_address_full && unknown_.size() < options.tcp.unknown_max) return;
  for (auto oldest = unknown_.begin(); oldest != unknown_.end(); ++oldest) {
    Seat& seat = seats_.at(oldest->second);
    if (is_address_full && seat.who != address) continue;
    if (auto shared = oldest->second->weak_from_this().lock()) evicted.push_back(std::move(shared));
    seat.is_unknown = false;
    seat.is_evicted = true;
    Decrease(unknown_by_address_, seat.who);
    unknown_.erase(oldest);
    return;
  }
}

Hub::Entry Hub::Name(Session& session, const Caller& caller) {
  const std::lock_guard lock(mutex_);
  Seat& seat = seats_.at(&session);
  if (seat.is_evicted) return Entry::kUnheard;
  if (!seat.is_unknown && seat.who == caller.name) return Entry::kWelcome;
  if (seat.is_unknown) {
    unknown_.erase(seat.number);
    Decrease(unknown_by_address_, seat.who);
    seat.is_unknown = false;
  } else {
    DropNamed(seat);
  }
  seat.who = caller.name;
  const std::size_t of_user = AddNamed(seat);
  const bool is_over =
      remote_ > options.tcp.connections_max || (!caller.is_operator && of_user > options.connections_per_user_max);
  return is_over ? Entry::kTooMany : Entry::kWelcome;
}

/// How many connections that user has now.
std::size_t Hub::AddNamed(const Seat& seat) {
  ++(seat.is_remote ? remote_ : local_);
  return ++by_user_[seat.who];
}

void Hub::DropNamed(const Seat& seat) {
  --(seat.is_remote ? remote_ : local_);
  Decrease(by_user_, seat.who);
}

void Hub::Leave(Session& session) {
  bool is_empty = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = seats_.find(&session);
    if (found == seats_.end()) return;
    const Seat seat = std::move(found->second);
    seats_.erase(found);
    if (seat.is_unknown) {
      unknown_.erase(seat.number);
      Decrease(unknown_by_address_, seat.who);
    } else if (!seat.is_evicted) {
      DropNamed(seat);
    }
    is_empty = seats_.empty();
  }
  if (is_empty && is_draining) on_empty();
}

std::vector<std::shared_ptr<Session>> Hub::Sessions() {
  std::vector<std::shared_ptr<Session>> alive;
  const std::lock_guard lock(mutex_);
  for (const auto& [session, seat] : seats_)
    if (auto shared = session->weak_from_this().lock()) alive.push_back(std::move(shared));
  return alive;
}

bool Hub::Wake(std::weak_ptr<Session> session) {
  const std::lock_guard lock(woken_mutex_);
  try {
    woken_.push_back(std::move(session));
  } catch (const std::exception&) {
    return false;
  }
  return is_pump_scheduled_ || SchedulePump();
}

/// Guarded by woken_mutex_, which the caller holds.
bool Hub::SchedulePump() {
  try {
    on_woken();
    is_pump_scheduled_ = true;
  } catch (const std::exception& exception) {
    host::log::Error("watches could not be woken", {{"what", exception.what()}});
  }
  return is_pump_scheduled_;
}

void Hub::PumpSome() {
  std::array<std::weak_ptr<Session>, kPumpedAtOnce> some;
  {
    const std::lock_guard lock(woken_mutex_);
    for (std::size_t i = 0; i < some.size() && !woken_.empty(); ++i) {
      some[i] = std::move(woken_.front());
      woken_.pop_front();
    }
    is_pump_scheduled_ = false;
    if (!woken_.empty()) (void)SchedulePump();  // Else the next Wake does it.
  }
  for (const auto& one : some)
    if (const auto session = one.lock()) session->PumpSoon();
}

}  // namespace server
