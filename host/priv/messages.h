#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "host/priv/fields.h"

/// What herod may ask of herod-priv, and nothing else (docs/herod-priv.md). A member is named, never a path.
namespace host::priv {

// Both ends are installed together; a mixed pair refuses each other in words instead of misreading.
inline constexpr std::uint8_t kVersion = 1;

enum class Verb : std::uint8_t {
  kFindAccount = 1,
  kEnsureAccount,
  kLookHomes,
  kEnsureHome,
  kWriteKeys,
  kHasWork,
  kPackWork,
  kLookSessions,
  kEndSessions,
  kDropJobs,
  kSubscribe,
  kWatch,
  kUnwatch,
};

/// Directories of a home that may be watched, by their place here.
inline constexpr std::array<std::string_view, 2> kWatchedPlaces = {".ssh", "hero/cfg"};

/// `Answer` is what the verb gives; a request of a descriptor is `takes_descriptor`.
struct FindAccount {
  static constexpr Verb kVerb = Verb::kFindAccount;
  using Answer = std::optional<Account>;
  std::string name{};

  static void Fields(auto& self, auto&& field) { field(self.name, kNameBytesMax); }
};

struct EnsureAccount {
  static constexpr Verb kVerb = Verb::kEnsureAccount;
  using Answer = Account;
  AccountWish wish{};

  static void Fields(auto& self, auto&& field) { field(self.wish); }
};

/// Answered are as many, from the first on, as fit into a packet; at least one.
struct LookHomes {
  static constexpr Verb kVerb = Verb::kLookHomes;
  static constexpr std::size_t kHomesMax = 64;
  struct Seen {
    std::vector<api::Expected<HomeState>> homes{};

    static void Fields(auto& self, auto&& field) { field(self.homes, kHomesMax); }
  };
  using Answer = Seen;
  std::vector<std::string> names{};

  static void Fields(auto& self, auto&& field) { field(self.names, kHomesMax, kNameBytesMax); }
};

struct EnsureHome {
  static constexpr Verb kVerb = Verb::kEnsureHome;
  using Answer = void;
  std::string name{};
  std::int64_t uid = 0;  ///< What the caller takes it for; another one is refused.
  std::int64_t gid = 0;

  static void Fields(auto& self, auto&& field) {
    field(self.name, kNameBytesMax);
    field(self.uid);
    field(self.gid);
  }
};

struct WriteKeys {
  static constexpr Verb kVerb = Verb::kWriteKeys;
  using Answer = void;
  std::string name{};
  std::string content{};

  static void Fields(auto& self, auto&& field) {
    field(self.name, kNameBytesMax);
    field(self.content, kKeysBytesMax);
  }
};

/// A verb that is told whom it is about, and no more.
template <Verb kOne, class Result>
struct OfMember {
  static constexpr Verb kVerb = kOne;
  using Answer = Result;
  std::string name{};

  static void Fields(auto& self, auto&& field) { field(self.name, kNameBytesMax); }
};
using HasWork = OfMember<Verb::kHasWork, bool>;
using PackWork = OfMember<Verb::kPackWork, Packed>;  ///< With one descriptor: the empty file to fill.
using LookSessions = OfMember<Verb::kLookSessions, SessionsState>;
using EndSessions = OfMember<Verb::kEndSessions, void>;
using DropJobs = OfMember<Verb::kDropJobs, void>;

/// Makes this connection the one that hints come on, in place of the one before; nothing is watched then. Nothing more
/// may be asked on it.
struct Subscribe {
  static constexpr Verb kVerb = Verb::kSubscribe;
  using Answer = std::int64_t;  ///< What Watch has to name.

  static void Fields(auto&, auto&&) {}
};

struct Watch {
  static constexpr Verb kVerb = Verb::kWatch;
  using Answer = void;
  std::int64_t subscription = 0;
  std::string name{};
  std::int64_t place = 0;  ///< Of kWatchedPlaces.

  static void Fields(auto& self, auto&& field) {
    field(self.subscription);
    field(self.name, kNameBytesMax);
    field(self.place);
  }
};

struct Unwatch : Watch {
  static constexpr Verb kVerb = Verb::kUnwatch;
};

/// Not asked for: comes on the connection of Subscribe.
struct Hint {
  std::string name{};
  std::int64_t place = 0;
  std::string entry{};  ///< What in that directory changed; empty: anything, or it is gone and not watched any more.

  static void Fields(auto& self, auto&& field) {
    field(self.name, kNameBytesMax);
    field(self.place);
    field(self.entry, kEntryBytesMax);
  }
};

/// The packet of a request. Errors: kInvalid when a field breaks its bound.
template <class Request>
api::Expected<std::string> EncodeRequest(const Request& request) {
  PacketWriter packet;
  packet.Byte(kVersion);
  packet.Byte(static_cast<std::uint8_t>(Request::kVerb));
  FieldWriter field(packet);
  field(request);
  if (packet.IsWhole()) return packet.Bytes();
  return api::Error{api::Code::kInvalid, "TooLong", "ask herod-priv: an argument is longer than any may be"};
}

/// The packet of an answer or a hint.
template <class T>
std::string EncodeAnswer(const T& answer) {
  PacketWriter packet;
  packet.Byte(kVersion);
  FieldWriter field(packet);
  field(answer);
  if (packet.IsWhole()) return packet.Bytes();
  return EncodeAnswer(api::Expected<void>(
      api::Error{api::Code::kUnavailable, "TooLong", "answer herod: what is there is longer than an answer may be"}));
}

/// Errors: kUnavailable for bytes that are no answer of this version.
template <class T>
api::Expected<T> DecodeAnswer(std::string_view bytes) {
  PacketReader packet(bytes);
  const bool is_ours = packet.Byte() == kVersion;
  api::Expected<T> result = FieldReader(packet).template Result<T>();
  if (is_ours && packet.IsWhole()) return result;
  return api::Error{api::Code::kUnavailable, "BadAnswer",
                    "herod-priv answered what this herod does not understand; install both from one build"};
}

}  // namespace host::priv
