#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/listener.h"
#include "server/workers.h"

namespace server {

class Session;

/// What all sessions of a listener share: what they serve, who is connected, and who may still come. Thread-safe.
class Hub {
 public:
  /// Both outlive this.
  Hub(const ListenerOptions& options, const Service& service);

  enum class Entry {
    kWelcome,
    kTooMany,  ///< To be told so.
    kUnheard,  ///< Too many are being told so already; it is not in the table.
  };

  /// A connection on the control socket, whose caller is known from the start.
  Entry Enter(Session& session, const Caller& caller);
  /// A connection over the network: nobody, until Name. When too many of those are nobody, of that address or in all,
  /// the one that has been it for longest is closed; so who goes on at once always comes in.
  void EnterUnknown(Session& session, const std::string& address);
  /// Of one that EnterUnknown took in: who it is, by its last request.
  Entry Name(Session& session, const Caller& caller);
  /// Calls `on_empty` when that was the last one of a drain.
  void Leave(Session& session);

  std::vector<std::shared_ptr<Session>> Sessions();

  /// A stream of that session has something to say: sees to it that PumpSome is called. From any thread. False when
  /// memory ran out: it has to be told again.
  bool Wake(std::weak_ptr<Session> session);
  /// Pumps some of those who were woken, in their order, on a thread of the reactor.
  void PumpSome();

  // Constant after construction.
  const ListenerOptions& options;
  const Service& service;
  std::function<void()> on_empty{};
  std::function<void()> on_woken{};  ///< Has a thread of the reactor call PumpSome, not at once.

  Workers workers;
  std::atomic<bool> is_draining{false};

 private:
  struct Seat {
    std::string who{};         ///< A user's name; of a connection that is nobody yet, its address.
    bool is_remote = false;    ///< Came by EnterUnknown.
    bool is_unknown = false;   ///< Not named yet.
    bool is_evicted = false;   ///< Was nobody for too long, and is being closed.
    std::uint64_t number = 0;  ///< In the order of arrival.
  };
  using Seats = std::map<Session*, Seat>;

  std::size_t AddNamed(const Seat& seat);
  void DropNamed(const Seat& seat);
  void EvictFor(const std::string& address, std::vector<std::shared_ptr<Session>>& evicted);

  std::mutex mutex_;
  // Guarded by mutex_.
  Seats seats_;
  std::map<std::uint64_t, Session*> unknown_;  // By number.
  std::map<std::string, std::size_t> unknown_by_address_;
  std::map<std::string, std::size_t> by_user_;  // Of named ones, local and remote.
  std::size_t local_ = 0;
  std::size_t remote_ = 0;  // Named ones.
  std::uint64_t next_number_ = 0;

  bool SchedulePump();

  std::mutex woken_mutex_;  // Apart: a thousand are woken by a writer while others come and go.
  // Guarded by woken_mutex_.
  std::deque<std::weak_ptr<Session>> woken_;
  bool is_pump_scheduled_ = false;
};

}  // namespace server
