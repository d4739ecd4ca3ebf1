#include "host/linux/service_manager.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace host::linux {

namespace {

constexpr int kFirstSocket = 3;

std::string Variable(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : "";
}

/// 0 for what is no number.
std::int64_t NumberIn(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() && end == text.data() + text.size() ? number : 0;
}

/// Whether a variable names us: a child inherits what is not for it.
bool NamesUs(const char* variable) { return NumberIn(Variable(variable)) == ::getpid(); }

}  // namespace

ServiceManager ServiceManager::FromEnvironment() {
  ServiceManager manager;
  manager.address_ = Variable("NOTIFY_SOCKET");
  const bool is_watched = Variable("WATCHDOG_PID").empty() || NamesUs("WATCHDOG_PID");  // sd_watchdog_enabled(3)
  if (const std::int64_t interval = NumberIn(Variable("WATCHDOG_USEC")); interval > 0 && is_watched)
    manager.watchdog_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds(interval));
  if (NamesUs("LISTEN_PID")) manager.sockets_ = static_cast<int>(NumberIn(Variable("LISTEN_FDS")));
  return manager;
}

void ServiceManager::Say(std::string_view line) const {
  sockaddr_un address{};
  if (address_.empty() || address_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  if (address_.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  ::sendto(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&address), length);
}

api::Expected<std::optional<Fd>> ServiceManager::TakeSocket() const {
  if (sockets_ <= 0) return std::optional<Fd>();
  if (sockets_ > 1)
    return api::Error{api::Code::kInvalid, "TooManySockets", "the service manager gave more than one socket"};
  ::fcntl(kFirstSocket, F_SETFD, FD_CLOEXEC);
  return std::optional<Fd>(Fd(kFirstSocket));
}

}  // namespace host::linux
