#include "host/linux/processes.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "host/linux/files.h"

namespace host::linux {

namespace {

/// The end of a stream: of what was appended at least the last `bytes_max` bytes.
class Tail {
 public:
  explicit Tail(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void Append(std::string_view bytes) {
    text_ += bytes;
    if (text_.size() > 2 * bytes_max_)
      text_.erase(0, text_.size() - bytes_max_);  // Half at once: each byte moves once.
  }
  std::string Take() && {
    if (text_.size() > bytes_max_) text_.erase(0, text_.size() - bytes_max_);
    return std::move(text_);
  }

 private:
  std::size_t bytes_max_;
  std::string text_;
};

/// One output of the child: we read, it writes.
struct Stream {
  explicit Stream(std::size_t bytes_max) : tail(bytes_max) {}

  Fd reader{};
  Fd writer{};
  Tail tail;

  api::Expected<void> Open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return SystemError("make a pipe", errno);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
    // Only our end: the child's has to wait when the pipe is full.
    if (::fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) return SystemError("set up a pipe", errno);
    return {};
  }

  /// Reads what is there, and no more than a pipe holds: a child that never stops writing must not keep us from its
  /// deadline. Closes our end at the end of the stream.
  void Drain() {
    constexpr std::size_t kPipeBytes = 64u << 10;  // Its capacity (pipe(7)).
    std::array<char, 4u << 10> buffer{};
    for (std::size_t taken = 0; taken < kPipeBytes;) {
      const ssize_t got = ::read(reader.get(), buffer.data(), buffer.size());
      if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) reader = Fd();
      if (got <= 0) return;
      tail.Append({buffer.data(), static_cast<std::size_t>(got)});
      taken += static_cast<std::size_t>(got);
    }
  }
};

/// What Run waits on beside the child and its streams.
struct Bells {
  Fd stop{};
  Fd deadline{};

  api::Expected<void> Open(std::chrono::milliseconds after) {
    stop = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop) return SystemError("make an eventfd", errno);
    deadline = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!deadline) return SystemError("make a timer", errno);
    itimerspec when{};
    when.it_value.tv_sec = after.count() / 1000;
    when.it_value.tv_nsec = (after.count() % 1000) * 1'000'000;
    if (::timerfd_settime(deadline.get(), 0, &when, nullptr) != 0) return SystemError("set a timer", errno);
    return {};
  }
};

struct DestroyActions {
  void operator()(posix_spawn_file_actions_t* actions) const noexcept { ::posix_spawn_file_actions_destroy(actions); }
};
struct DestroyAttributes {
  void operator()(posix_spawnattr_t* attributes) const noexcept { ::posix_spawnattr_destroy(attributes); }
};

/// A session of its own, no blocked and no ignored signal: an ignored SIGPIPE would be inherited otherwise.
int SetAttributes(posix_spawnattr_t& attributes) {
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  return ::posix_spawnattr_setflags(
      &attributes, static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
}

/// What the child has as 0, 1 and 2. Without input: /dev/null.
struct Standard {
  Fd input{};
  int out = -1;
  int err = -1;
};

/// A file in memory: unlike a pipe it holds any input at once, so nobody has to feed it.
api::Expected<Fd> InputOf(std::string_view text) {
  if (text.empty()) return Fd();
  Fd fd(::memfd_create("input", MFD_CLOEXEC));
  if (!fd) return SystemError("make a file in memory", errno);
  if (auto written = WriteAll(fd.get(), text, "a file in memory"); !written) return written.error();
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return SystemError("rewind a file in memory", errno);
  return fd;
}

int SetActions(posix_spawn_file_actions_t& actions, const Standard& standard, const std::string& directory) {
  if (standard.input) {
    if (int failed = ::posix_spawn_file_actions_adddup2(&actions, standard.input.get(), STDIN_FILENO)) return failed;
  } else if (int failed = ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) {
    return failed;
  }
  if (int failed = ::posix_spawn_file_actions_adddup2(&actions, standard.out, STDOUT_FILENO)) return failed;
  if (int failed = ::posix_spawn_file_actions_adddup2(&actions, standard.err, STDERR_FILENO)) return failed;
  if (int failed = ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str())) return failed;
  return ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
}

std::vector<char*> PointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Starts it. Errors: as Run.
api::Expected<pid_t> Spawn(const Command& command, const Standard& standard) {
  const std::string directory = command.directory.empty() ? "/" : command.directory;
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> variables;
  variables.reserve(command.environment.size());
  for (const auto& [name, value] : command.environment)
    variables.push_back(std::string(name).append("=").append(value));

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  const std::unique_ptr<posix_spawn_file_actions_t, DestroyActions> actions_owner(&actions);
  ::posix_spawnattr_init(&attributes);
  const std::unique_ptr<posix_spawnattr_t, DestroyAttributes> attributes_owner(&attributes);

  pid_t pid = 0;
  int failed = SetAttributes(attributes);
  if (failed == 0) failed = SetActions(actions, standard, directory);
  if (failed == 0) {
    failed = ::posix_spawnp(&pid, command.argv[0].c_str(), &actions, &attributes, PointersTo(arguments).data(),
                            PointersTo(variables).data());
  }
  if (failed == 0) return pid;
  if (::access(directory.c_str(), X_OK) != 0) {
    api::Error error = SystemError("run " + command.argv[0] + " in " + directory, errno);
    error.code = api::Code::kUnavailable;  // Not kNotFound: that would be the program.
    return error;
  }
  return SystemError("run " + command.argv[0], failed);
}

api::Expected<void> Check(const Command& command) {
  const auto invalid = [](std::string message) {
    return api::Error{.code = api::Code::kInvalid, .reason = "InvalidCommand", .message = std::move(message)};
  };
  if (command.argv.empty() || command.argv[0].empty()) return invalid("run a command: it has no name");
  if (command.deadline.count() <= 0) return invalid("run " + command.argv[0] + ": it has no deadline");
  // A zero byte would end the argument early and so change its meaning.
  const auto has_zero = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  bool is_whole = !has_zero(command.directory);
  for (const std::string& argument : command.argv) is_whole = is_whole && !has_zero(argument);
  for (const auto& [name, value] : command.environment) is_whole = is_whole && !has_zero(name) && !has_zero(value);
  if (!is_whole) return invalid("run " + command.argv[0] + ": a zero byte in its arguments or environment");
  return {};
}

enum class End { kExited, kStopped, kDeadline };

/// Moves output until the child exits or a bell rings. A grandchild that keeps a stream open does not keep us.
End Attend(int child, const Bells& bells, Stream& out, Stream& err) {
  for (;;) {
    std::array<pollfd, 5> waits{{{child, POLLIN, 0},
                                 {bells.stop.get(), POLLIN, 0},
                                 {bells.deadline.get(), POLLIN, 0},
                                 {out.reader.get(), POLLIN, 0},  // -1 once closed: poll leaves it out.
                                 {err.reader.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0)
      continue;                                     // EINTR; with valid arguments there is no other way to fail.
    const bool has_exited = waits[0].revents != 0;  // Then all that it wrote is in the pipes already.
    if (has_exited) ::poll(&waits[3], 2, 0);
    if (waits[3].revents != 0) out.Drain();
    if (waits[4].revents != 0) err.Drain();
    if (has_exited) return End::kExited;
    if (waits[1].revents != 0) return End::kStopped;
    if (waits[2].revents != 0) return End::kDeadline;
  }
}

constexpr std::chrono::milliseconds kReapPatience =
    std::chrono::seconds(5);  // A kill takes effect within milliseconds,
                              // on a disk that is busy within seconds.

}  // namespace

std::optional<siginfo_t> Stragglers::Reap(pid_t pid, int end, std::chrono::milliseconds patience) {
  pollfd wait{end, POLLIN, 0};
  int ready = 0;
  const auto until = std::chrono::steady_clock::now() + patience;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    ready = ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  } while (ready < 0);  // EINTR.
  if (ready == 0) {
    const std::lock_guard lock(mutex_);
    left_.push_back(pid);
    return std::nullopt;
  }
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0 && errno == EINTR) {
  }
  return info;
}

std::size_t Stragglers::Sweep() {
  const std::lock_guard lock(mutex_);
  std::erase_if(left_, [](pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG) == 0 && info.si_pid == pid;
  });
  return left_.size();
}

std::string ProgramBesideUs(std::string_view name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return self.parent_path() / name;
}

api::Expected<Finished> SpawnedProcesses::Run(const Command& command, std::stop_token stop) {
  if (auto checked = Check(command); !checked) return checked.error();
  const api::Error stopped{.code = api::Code::kUnavailable,
                           .reason = "Stopped",
                           .message = "run " + command.argv[0] + ": ended because we are stopping"};
  if (stop.stop_requested()) return stopped;
  stragglers_.Sweep();

  Stream out(command.output_bytes_max);
  Stream err(command.output_bytes_max);
  Bells bells;
  if (auto opened = out.Open(); !opened) return opened.error();
  if (auto opened = err.Open(); !opened) return opened.error();
  if (auto opened = bells.Open(command.deadline); !opened) return opened.error();

  auto input = InputOf(command.input);
  if (!input) return input.error();
  const int output = command.output >= 0 ? command.output : out.writer.get();
  const auto pid = Spawn(command, {*std::move(input), output, err.writer.get()});
  if (!pid) return pid.error();
  out.writer = Fd();  // Else our own copy would keep the stream open.
  err.writer = Fd();
  const Fd child(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  if (!child) {
    const int error_number = errno;
    ::kill(-*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return SystemError("watch " + command.argv[0], error_number);
  }

  End end;
  {
    const std::stop_callback ring(stop, [&bells] { ::eventfd_write(bells.stop.get(), 1); });
    end = Attend(child.get(), bells, out, err);
  }
  ::kill(-*pid, SIGKILL);  // What is left of the group. Until its leader is reaped nobody else can get its number.
  const auto info = stragglers_.Reap(*pid, child.get(), kReapPatience);
  if (end == End::kStopped) return stopped;
  if (end == End::kDeadline || !info) {
    return api::Error{
        .code = api::Code::kTimeout,
        .reason = "DeadlineExceeded",
        .message = "run " + command.argv[0] + ": killed after " + std::to_string(command.deadline.count()) + " ms"};
  }
  const bool has_exited = info->si_code == CLD_EXITED;
  return Finished{.exit_code = has_exited ? info->si_status : -1,
                  .signal = has_exited ? 0 : info->si_status,
                  .out = std::move(out.tail).Take(),
                  .err = std::move(err.tail).Take()};
}

}  // namespace host::linux
