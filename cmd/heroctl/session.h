#pragma once

#include <chrono>
#include <istream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "client/wire_client.h"
#include "cmd/heroctl/flags.h"
#include "host/clock.h"

namespace heroctl {

/// What a command works with. All of it outlives the command.
struct Session {
  client::WireClient& client;
  const host::Clock& clock;
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  std::string user{};        ///< Who types, for people to read.
  bool is_terminal = false;  ///< Of `out`: colours are allowed.
};

/// Says what went wrong, as kubectl does, and returns the exit code for it.
int Fail(const Session& session, const api::Error& error);

/// A mistake in what was typed.
api::Error UsageError(std::string message);

/// --timeout, or the command's own. Errors: UsageError.
api::Expected<std::chrono::milliseconds> ReadTimeout(const Flags& flags, std::string_view otherwise);

/// Says what the server dropped of what it was sent; `place` is where that stands, empty for nothing but the command.
void Warn(const Session& session, const std::string& place, const std::vector<std::string>& warnings);

}  // namespace heroctl
