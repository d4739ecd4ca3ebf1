#include "tests/simulation/fibers.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <ctime>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include <cxxabi.h>
#include <dlfcn.h>

namespace tests {
namespace {

using Nanoseconds = Fibers::Nanoseconds;

constexpr std::size_t kStackBytes = 1 << 20;  // Touched as far as it is used; JSON of a debug build goes deep.
constexpr Nanoseconds kSwitchTakes{20'000};   // So that time passes for those who never wait.
constexpr Nanoseconds kWallAtStart = std::chrono::seconds(1'795'208'331) - std::chrono::hours(1);

Fibers* running = nullptr;  // The process has one thread while it is set.

/// What __cxa_get_globals points to (Itanium C++ ABI, 2.2.2).
struct ExceptionGlobals {
  void* caught;
  unsigned int uncaught;
};

ExceptionGlobals& Globals() { return *reinterpret_cast<ExceptionGlobals*>(abi::__cxa_get_globals()); }

/// The C library's own function behind one that is defined below.
template <class Function>
Function* Real(Function*& known, const char* name) {
  if (known == nullptr) known = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
  return known;
}

int RealLock(pthread_mutex_t* mutex) {
  static int (*real)(pthread_mutex_t*) = nullptr;
  return Real(real, "pthread_mutex_lock")(mutex);
}
int RealTryLock(pthread_mutex_t* mutex) {
  static int (*real)(pthread_mutex_t*) = nullptr;
  return Real(real, "pthread_mutex_trylock")(mutex);
}
int RealUnlock(pthread_mutex_t* mutex) {
  static int (*real)(pthread_mutex_t*) = nullptr;
  return Real(real, "pthread_mutex_unlock")(mutex);
}

Nanoseconds ToNanoseconds(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

}  // namespace

Fibers::Fibers(std::uint64_t seed) : random_state_(seed * 0x9e3779b97f4a7c15ULL), wall_offset_(kWallAtStart) {
  constexpr std::uint64_t kOften[] = {0, 200, 40, 8};  // 0: only where somebody waits.
  preempts_one_in_ = kOften[Random(4)];
}

Fibers::~Fibers() {
  for (const auto& fiber : fibers_) munmap(fiber->stack, kStackBytes);
}

Fibers* Fibers::Running() { return running; }

std::uint64_t Fibers::Random(std::uint64_t below) {  // SplitMix64.
  std::uint64_t mixed = (random_state_ += 0x9e3779b97f4a7c15ULL);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return (mixed ^ (mixed >> 31)) % below;
}

Nanoseconds Fibers::RandomTime(Nanoseconds most) {
  const auto count = static_cast<std::uint64_t>(most.count());
  return Nanoseconds(static_cast<std::int64_t>(Random((count >> (2 * Random(5))) + 1)));
}

void Fibers::MixIn(std::uint64_t bits) {
  hash_ = (hash_ ^ bits) * 0x100000001b3ULL;
  hash_ ^= hash_ >> 29;
}

void Fibers::Note(std::string_view line) {
  for (const char byte : line) MixIn(static_cast<unsigned char>(byte));
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - std::chrono::hours(1)).count();
  const std::string digits = std::to_string(ms % 1000);
  trace_.push_back(std::to_string(ms / 1000) + "." + std::string(3 - digits.size(), '0') + digits + " [" +
                   std::to_string(current_ ? current_->group : 0) + "/" + std::to_string(current_ ? current_->id : 0) +
                   "] " + std::string(line));
  if (trace_.size() > kTraceMax) trace_.pop_front();
}

void Fibers::Fail(std::string what) {
  Note("VIOLATION " + what);
  if (!failure_) failure_ = std::move(what);
  current_->state = Fiber::State::kEnded;
  Leave();
  std::abort();  // Nobody switches to one that has ended.
}

void Fibers::Enter(unsigned int low, unsigned int high) {
  const auto address = static_cast<std::uintptr_t>(low) | static_cast<std::uintptr_t>(high) << 32;
  const auto self = reinterpret_cast<Fiber*>(address);  // NOLINT(performance-no-int-to-ptr): makecontext takes ints.
  self->run();
  self->state = Fiber::State::kEnded;
  running->Wake(self, true);
  running->Leave();
}

pthread_t Fibers::Start(Group group, std::function<void()> run) {
  auto fiber = std::make_unique<Fiber>();
  constexpr std::uint64_t kWeights[] = {16, 16, 4, 1};
  fiber->id = next_id_++;
  fiber->group = group;
  fiber->run = std::move(run);
  fiber->weight = kWeights[Random(4)];
  fiber->stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fiber->stack == MAP_FAILED) throw std::runtime_error("no memory for a fiber");
  mprotect(fiber->stack, 4096, PROT_NONE);  // Whoever overflows dies here, not in the neighbour.
  getcontext(&fiber->context);
  fiber->context.uc_stack = {.ss_sp = fiber->stack, .ss_flags = 0, .ss_size = kStackBytes};
  const auto address = reinterpret_cast<std::uintptr_t>(fiber.get());
  makecontext(&fiber->context, reinterpret_cast<void (*)()>(&Fibers::Enter), 2, static_cast<unsigned int>(address),
              static_cast<unsigned int>(address >> 32));
  fibers_.push_back(std::move(fiber));
  return fibers_.back()->id;
}

void Fibers::Run(std::function<void()> director) {
  running = this;
  __libc_single_threaded = 0;  // Else libstdc++ leaves out what it does for other threads.
  Start(0, std::move(director));
  const Fiber& directing = *fibers_.front();
  try {
    while (directing.state != Fiber::State::kEnded && !failure_) SwitchTo(Choose());
  } catch (...) {
    running = nullptr;
    throw;
  }
  running = nullptr;
  if (failure_) throw std::runtime_error(*failure_);
}

/// Who goes on. When nobody can, the time goes to when somebody can.
Fibers::Fiber& Fibers::Choose() {
  while (true) {
    std::uint64_t all = 0;
    Fiber* spinning = nullptr;
    std::optional<Nanoseconds> soonest;
    for (const auto& fiber : fibers_) {
      if (fiber->state == Fiber::State::kWaiting && fiber->deadline && *fiber->deadline <= now_)
        fiber->state = Fiber::State::kReady;  // Block sees that it still waits for something.
      if (fiber->state == Fiber::State::kReady) all += fiber->weight;
      if (fiber->state == Fiber::State::kSpinning && spinning == nullptr) spinning = fiber.get();
      if (fiber->state == Fiber::State::kWaiting && fiber->deadline)
        soonest = std::min(soonest.value_or(*fiber->deadline), *fiber->deadline);
    }
    if (all > 0) {
      std::uint64_t at = Random(all);
      for (const auto& fiber : fibers_) {
        if (fiber->state != Fiber::State::kReady) continue;
        if (at < fiber->weight) return *fiber;
        at -= fiber->weight;
      }
    }
    if (spinning != nullptr) return *spinning;
    if (!soonest) throw Stuck("a deadlock: every thread waits, and none for a time");
    now_ = *soonest;
  }
}

void Fibers::SwitchTo(Fiber& fiber) {
  std::erase_if(fibers_, [&](const auto& other) {
    const bool is_over = other->state == Fiber::State::kEnded && other.get() != fibers_.front().get();
    if (is_over) munmap(other->stack, kStackBytes);
    return is_over;
  });
  ++switches_;
  now_ += kSwitchTakes;
  MixIn(fiber.id);
  if (Chance(400)) fiber.weight = 1 + Random(16);
  fiber.state = Fiber::State::kReady;
  current_ = &fiber;
  const ExceptionGlobals of_main = std::exchange(Globals(), {fiber.caught, fiber.uncaught});
  swapcontext(&main_, &fiber.context);
  const ExceptionGlobals of_fiber = std::exchange(Globals(), of_main);
  fiber.caught = of_fiber.caught;
  fiber.uncaught = of_fiber.uncaught;
  current_ = nullptr;
}

/// Back to Run, which chooses who goes on.
void Fibers::Leave() {
  Fiber& self = *current_;
  swapcontext(&self.context, &main_);
}

void Fibers::Yield() { Leave(); }

void Fibers::YieldToAll() {
  current_->state = Fiber::State::kSpinning;
  Leave();
}

/// False when the deadline came first.
bool Fibers::Block(const void* what, std::optional<Nanoseconds> deadline) {
  Fiber& self = *current_;
  self.state = Fiber::State::kWaiting;
  self.waits_for = what;
  self.deadline = deadline;
  Leave();
  self.deadline.reset();
  return std::exchange(self.waits_for, nullptr) == nullptr;
}

/// In any order: the kernel promises none.
void Fibers::Wake(const void* what, bool all) {
  std::vector<Fiber*> waiting;
  for (const auto& fiber : fibers_)
    if (fiber->state == Fiber::State::kWaiting && fiber->waits_for == what) waiting.push_back(fiber.get());
  if (waiting.empty()) return;
  if (!all) waiting = {waiting[Random(waiting.size())]};
  for (Fiber* fiber : waiting) {
    fiber->state = Fiber::State::kReady;
    fiber->waits_for = nullptr;
  }
}

void Fibers::Sleep(Nanoseconds time) { Block(current_, now_ + time); }

void Fibers::Join(pthread_t fiber) {
  const auto find = [&] {
    return std::find_if(fibers_.begin(), fibers_.end(),
                        [&](const auto& other) { return other->id == fiber && other->state != Fiber::State::kEnded; });
  };
  for (auto found = find(); found != fibers_.end(); found = find()) Block(found->get(), std::nullopt);
}

void Fibers::Kill(Group group) {
  for (const auto& fiber : fibers_) {
    if (fiber->group != group || fiber->state == Fiber::State::kEnded) continue;
    fiber->state = Fiber::State::kEnded;
    for (pthread_mutex_t* mutex : std::exchange(fiber->held, {})) {
      RealUnlock(mutex);
      Wake(mutex, true);
    }
    Wake(fiber.get(), true);
  }
}

void Fibers::Lock(pthread_mutex_t* mutex) {
  if (Chance(preempts_one_in_)) Leave();
  while (RealTryLock(mutex) != 0) Block(mutex, std::nullopt);
  current_->held.push_back(mutex);
}

bool Fibers::TryLock(pthread_mutex_t* mutex) {
  if (RealTryLock(mutex) != 0) return false;
  current_->held.push_back(mutex);
  return true;
}

void Fibers::Unlock(pthread_mutex_t* mutex) {
  RealUnlock(mutex);
  if (current_ != nullptr) std::erase(current_->held, mutex);
  Wake(mutex, true);
}

bool Fibers::Wait(pthread_cond_t* condition, pthread_mutex_t* mutex, std::optional<Nanoseconds> deadline) {
  constexpr std::uint64_t kSpuriousOneIn = 64;
  bool is_told = true;
  Unlock(mutex);
  if (Chance(kSpuriousOneIn)) {
    Leave();
  } else {
    is_told = Block(condition, deadline);
  }
  Lock(mutex);
  return is_told;
}

void Fibers::Signal(pthread_cond_t* condition, bool all) { Wake(condition, all); }

}  // namespace tests

// From here on the C library's own names: defined in the program, they come before those of the library, for our code
// and for libstdc++. Outside of a simulation they only pass on.
namespace {

using tests::Fibers;

Fibers* InFiber() {
  return Fibers::Running() != nullptr && Fibers::Running()->is_in_fiber() ? Fibers::Running() : nullptr;
}

}  // namespace

#pragma GCC visibility push(default)  // libstdc++ has to find them.
extern "C" {
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): theirs are reserved.
// NOLINTBEGIN(bugprone-exception-escape): a test without memory ends.

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  if (Fibers* fibers = InFiber()) return fibers->Lock(mutex), 0;
  return tests::RealLock(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  if (Fibers* fibers = InFiber()) return fibers->TryLock(mutex) ? 0 : EBUSY;
  return tests::RealTryLock(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  if (Fibers* fibers = InFiber()) return fibers->Unlock(mutex), 0;
  return tests::RealUnlock(mutex);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  if (Fibers* fibers = InFiber()) return fibers->Wait(condition, mutex, std::nullopt), 0;
  static int (*real)(pthread_cond_t*, pthread_mutex_t*) = nullptr;
  return tests::Real(real, "pthread_cond_wait")(condition, mutex);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  if (Fibers* fibers = InFiber()) {
    const auto offset = clock == CLOCK_REALTIME ? fibers->wall() - fibers->now() : Fibers::Nanoseconds(0);
    return fibers->Wait(condition, mutex, tests::ToNanoseconds(*until) - offset) ? 0 : ETIMEDOUT;
  }
  static int (*real)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*) = nullptr;
  return tests::Real(real, "pthread_cond_clockwait")(condition, mutex, clock, until);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  if (InFiber() != nullptr) return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, until);
  static int (*real)(pthread_cond_t*, pthread_mutex_t*, const timespec*) = nullptr;
  return tests::Real(real, "pthread_cond_timedwait")(condition, mutex, until);
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  if (Fibers* fibers = InFiber()) return fibers->Signal(condition, false), 0;
  static int (*real)(pthread_cond_t*) = nullptr;
  return tests::Real(real, "pthread_cond_signal")(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  if (Fibers* fibers = InFiber()) return fibers->Signal(condition, true), 0;
  static int (*real)(pthread_cond_t*) = nullptr;
  return tests::Real(real, "pthread_cond_broadcast")(condition);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) noexcept {
  if (Fibers* fibers = InFiber()) {
    *thread = fibers->Start(fibers->group(), [run, argument] { run(argument); });
    return 0;
  }
  static int (*real)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) = nullptr;
  return tests::Real(real, "pthread_create")(thread, attributes, run, argument);
}

int pthread_join(pthread_t thread, void** result) {
  if (Fibers* fibers = InFiber()) return fibers->Join(thread), 0;
  static int (*real)(pthread_t, void**) = nullptr;
  return tests::Real(real, "pthread_join")(thread, result);
}

int pthread_detach(pthread_t thread) noexcept {
  if (InFiber() != nullptr) return 0;
  static int (*real)(pthread_t) = nullptr;
  return tests::Real(real, "pthread_detach")(thread);
}

pthread_t pthread_self() noexcept {
  if (Fibers* fibers = InFiber()) return fibers->self();
  static pthread_t (*real)() = nullptr;
  return tests::Real(real, "pthread_self")();
}

int sched_yield() noexcept {
  if (Fibers* fibers = InFiber()) return fibers->YieldToAll(), 0;
  static int (*real)() = nullptr;
  return tests::Real(real, "sched_yield")();
}

/// libstdc++'s semaphores, of which a stop_callback has one, wait here.
long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  if (Fibers* fibers = InFiber(); fibers != nullptr && number == SYS_futex) {
    const bool waits = (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel takes every argument as a number.
    const auto* word = reinterpret_cast<const std::atomic<int>*>(arguments[0]);
    if (waits && word->load() == static_cast<int>(arguments[2])) fibers->YieldToAll();
    return 0;
  }
  static long (*real)(long, ...) = nullptr;
  return tests::Real(real, "syscall")(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                                      arguments[5]);
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  if (Fibers* fibers = InFiber(); fibers != nullptr && (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME)) {
    const auto time = clock == CLOCK_MONOTONIC ? fibers->now() : fibers->wall();
    now->tv_sec = time.count() / 1'000'000'000;
    now->tv_nsec = time.count() % 1'000'000'000;
    return 0;
  }
  static int (*real)(clockid_t, timespec*) = nullptr;
  return tests::Real(real, "clock_gettime")(clock, now);
}

// NOLINTEND(bugprone-exception-escape)
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
}  // extern "C"
#pragma GCC visibility pop
