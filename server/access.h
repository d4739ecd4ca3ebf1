#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "server/tokens.h"

namespace server {

/// The uid of the User object of a member by that name who may log in. No value: there is none, or it was deactivated,
/// or it is going. Thread-safe.
using MemberLookup = std::function<std::optional<std::string>(std::string_view user)>;

/// What a client needs to know to come over the network.
struct Endpoint {
  std::string server{};     ///< `https://127.0.0.1:7443`
  std::string authority{};  ///< PEM; empty for a certificate that clients trust anyway, and without TLS.
};

/// Who there is, and how they come in from outside.
struct Access {
  MemberLookup member{};                 ///< Null: everybody is a member, of no uid.
  Tokens* tokens = nullptr;              ///< Thread-safe, outlives the server. Null: only the control socket is served.
  std::function<Endpoint()> endpoint{};  ///< Thread-safe. Null without tokens.
};

}  // namespace server
