#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <ucontext.h>

namespace tests {

/// Everybody waits, and for nobody who could come: a deadlock of what is simulated.
struct Stuck : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Runs a whole program of many threads in one, on a clock of its own. While it runs, this binary's own
/// pthread_create, pthread_mutex_lock, pthread_cond_wait, clock_gettime and their kin (fibers.cc) lead here, so the
/// engine's real threads, locks and waits are fibers, and one seed decides who goes on at each of them. Two runs of one
/// seed are the same run. One at a time in a process.
class Fibers {
 public:
  using Group = int;  ///< Which simulated process a fiber is of; 0 is what outlives them all.
  using Nanoseconds = std::chrono::nanoseconds;

  static constexpr std::size_t kTraceMax = 400;  ///< Lines that a failure prints.

  explicit Fibers(std::uint64_t seed);
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  /// The one that runs; null outside of Run.
  static Fibers* Running();

  /// Runs `director` as the first fiber, and whatever it starts, until it returns. Throws what it throws, and Stuck.
  void Run(std::function<void()> director);

  // All below is for fibers.

  pthread_t Start(Group group, std::function<void()> run);
  /// Waits for its end, or for that of its group.
  void Join(pthread_t fiber);
  /// Lets somebody else go on, perhaps.
  void Yield();
  void Sleep(Nanoseconds time);
  /// As SIGKILL does: none of them takes another step, nothing is undone; what they held is free.
  void Kill(Group group);
  /// Ends the whole run with this as the exception of Run.
  [[noreturn]] void Fail(std::string what);

  /// 0 to `below` - 1.
  std::uint64_t Random(std::uint64_t below);
  bool Chance(std::uint64_t one_in) { return one_in > 0 && Random(one_in) == 0; }
  /// A time below `most`, more often short than long.
  Nanoseconds RandomTime(Nanoseconds most);

  /// What happened: a line in the trace, part of the hash.
  void Note(std::string_view line);
  std::uint64_t hash() const { return hash_; }
  std::uint64_t switches() const { return switches_; }
  const std::deque<std::string>& trace() const { return trace_; }

  Nanoseconds now() const { return now_; }
  Nanoseconds wall() const { return now_ + wall_offset_; }
  void SetWallOffset(Nanoseconds offset) { wall_offset_ = offset; }
  bool is_in_fiber() const { return current_ != nullptr; }
  Group group() const { return current_->group; }
  pthread_t self() const { return current_->id; }

  // What the C library's names lead to.

  void Lock(pthread_mutex_t* mutex);
  bool TryLock(pthread_mutex_t* mutex);
  void Unlock(pthread_mutex_t* mutex);
  /// False when the deadline came first.
  bool Wait(pthread_cond_t* condition, pthread_mutex_t* mutex, std::optional<Nanoseconds> deadline);
  void Signal(pthread_cond_t* condition, bool all);
  /// Goes on when nobody else can: for those who spin.
  void YieldToAll();

 private:
  struct Fiber {
    pthread_t id{};
    Group group = 0;
    std::function<void()> run{};
    ucontext_t context{};
    void* stack = nullptr;
    enum class State { kReady, kSpinning, kWaiting, kEnded } state = State::kReady;
    const void* waits_for = nullptr;
    std::optional<Nanoseconds> deadline{};
    std::uint64_t weight = 1;  ///< How often it is chosen: some machines starve a thread for long.
    std::vector<pthread_mutex_t*> held{};
    // What the C++ runtime keeps for each thread about exceptions in flight.
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  static void Enter(unsigned int low, unsigned int high);
  Fiber& Choose();
  void SwitchTo(Fiber& fiber);
  void Leave();
  bool Block(const void* what, std::optional<Nanoseconds> deadline);
  void Wake(const void* what, bool all);
  void MixIn(std::uint64_t bits);

  std::uint64_t random_state_;
  std::uint64_t preempts_one_in_;
  std::uint64_t hash_ = 0;
  std::uint64_t switches_ = 0;
  Nanoseconds now_{std::chrono::hours(1)};
  Nanoseconds wall_offset_;
  std::deque<std::string> trace_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  Fiber* current_ = nullptr;
  ucontext_t main_{};
  pthread_t next_id_ = 1;
  std::optional<std::string> failure_;
};

}  // namespace tests
