#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "host/linux/files.h"
#include "host/priv/messages.h"

namespace host::priv {

/// herod's side of the socket: asks, waits, answers. Keeps some connections open between questions; as many calls go on
/// at once as there are callers. Thread-safe.
class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  /// Asks and waits for the answer. Every verb may be done twice, so one that was cut off by a restart of herod-priv is
  /// asked again, once. Errors: those of the verb; kUnavailable when nobody answers, kTimeout when not in time, which
  /// ends what was asked for.
  template <class Request>
  api::Expected<typename Request::Answer> Call(const Request& request, std::chrono::milliseconds patience,
                                               const std::stop_token& stop = {}, int descriptor = -1) {
    const auto packet = EncodeRequest(request);
    if (!packet) return packet.error();
    const auto answer = Exchange(*packet, patience, stop, descriptor);
    if (!answer) return answer.error();
    return DecodeAnswer<typename Request::Answer>(*answer);
  }

  const std::string& socket_path() const { return socket_path_; }

 private:
  api::Expected<std::string> Exchange(const std::string& packet, std::chrono::milliseconds patience,
                                      const std::stop_token& stop, int descriptor);
  api::Expected<std::optional<std::string>> Try(const std::string& packet, std::chrono::milliseconds patience,
                                                const std::stop_token& stop, int descriptor);
  linux::Fd TakeIdle();
  void KeepIdle(linux::Fd connection);
  void DropIdle();

  // Constant after construction.
  std::string socket_path_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<linux::Fd> idle_;
};

}  // namespace host::priv
