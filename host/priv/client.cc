#include "host/priv/client.h"

#include "host/priv/socket.h"

namespace host::priv {

namespace {

// As many as herod has workers for users; herod-priv takes four times that.
constexpr std::size_t kIdleMax = 16;

}  // namespace

linux::Fd Client::TakeIdle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return {};
  linux::Fd connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void Client::KeepIdle(linux::Fd connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleMax) idle_.push_back(std::move(connection));
}

void Client::DropIdle() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

/// No value: herod-priv went away before it answered.
api::Expected<std::optional<std::string>> Client::Try(const std::string& packet, std::chrono::milliseconds patience,
                                                      const std::stop_token& stop, int descriptor) {
  linux::Fd connection = TakeIdle();
  if (!connection) {
    auto fresh = Connect(socket_path_);
    if (!fresh) return fresh.error();
    connection = *std::move(fresh);
  }
  if (auto sent = Send(connection.get(), packet, descriptor); !sent) {
    if (sent.error().reason == "PrivGone") return std::optional<std::string>();
    return sent.error();
  }
  auto answer = ReceiveWithin(connection.get(), patience, stop);
  if (!answer) return answer.error();  // The connection goes, and with it what it asked for.
  if (!*answer) return std::optional<std::string>();
  KeepIdle(std::move(connection));
  return std::optional<std::string>((*answer)->bytes);
}

api::Expected<std::string> Client::Exchange(const std::string& packet, std::chrono::milliseconds patience,
                                            const std::stop_token& stop, int descriptor) {
  // One that was idle during a restart, a fresh one, and one more for a restart in the middle of the work.
  for (int tries = 3; tries > 0; --tries) {
    auto answer = Try(packet, patience, stop, descriptor);
    if (!answer) return answer.error();
    if (*answer) return **std::move(answer);
    DropIdle();
  }
  return api::Error{api::Code::kUnavailable, "PrivGone",
                    "ask herod-priv at " + socket_path_ + ": it ends each connection; see journalctl -u herod-priv"};
}

}  // namespace host::priv
