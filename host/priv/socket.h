#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "api/meta/expected.h"
#include "host/linux/files.h"

/// Packets over a unix socket that keeps them apart (SOCK_SEQPACKET).
namespace host::priv {

/// What came in one packet.
struct Packet {
  std::string bytes{};
  std::vector<linux::Fd> descriptors{};
  bool is_cut = false;  ///< It was longer than any packet is, or brought more descriptors than any verb takes.
};

/// A socket that a service manager did not make: for tests and boxes without one. Only the owner may connect (0600).
/// Replaces what stands at `path`. Errors: kInvalid (too long a path), kUnavailable.
api::Expected<linux::Fd> Listen(const std::string& path);

/// Errors: kUnavailable (nobody listens; says what to do).
api::Expected<linux::Fd> Connect(const std::string& path);

/// Sends one packet, with a descriptor unless it is -1. Never waits longer than the other end takes to make room.
/// Errors: kUnavailable (the other end is gone).
api::Expected<void> Send(int socket, std::string_view bytes, int descriptor = -1);

/// The same without waiting. False: there was no room, or nobody is there.
bool TrySend(int socket, std::string_view bytes);

/// Waits for one packet. No value: the other end is gone. Descriptors are close-on-exec. Errors: kUnavailable.
api::Expected<std::optional<Packet>> Receive(int socket);

/// The same within a time. Errors also: kTimeout, kUnavailable when stop is asked for.
api::Expected<std::optional<Packet>> ReceiveWithin(int socket, std::chrono::milliseconds patience,
                                                   const std::stop_token& stop);

/// The account at the other end, as the kernel vouches for it.
api::Expected<uid_t> PeerUid(int socket);

}  // namespace host::priv
