#include <array>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>

#include "host/priv/hints.h"
#include "host/priv/messages.h"
#include "host/priv/verbs.h"
#include "tests/fuzz/targets.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/fake_file_watch.h"
#include "tests/support/fake_homes.h"
#include "tests/support/fake_sessions.h"

/// The packets that herod-priv takes from a herod that may be anybody's.
namespace fuzz {
namespace {

namespace priv = host::priv;

class NoWork final : public host::Work {
 public:
  api::Expected<bool> IsThere(std::string_view) const override { return false; }
  api::Expected<host::Packed> Pack(std::string_view, int, std::stop_token) override { return host::Packed{}; }
};

/// Whether the packet is that request; what it means is written again as it came.
template <class Request>
bool IsRequest(std::string_view input) {
  priv::PacketReader packet(input);
  packet.Byte();
  packet.Byte();
  Request request;
  priv::FieldReader field(packet);
  field(request);
  if (!packet.IsWhole()) return false;
  const auto again = priv::EncodeRequest(request);
  Promise(again.has_value(), "what was read keeps its bounds");
  Promise(again->substr(2) == input.substr(2), "one meaning has one form");
  return true;
}

template <class T>
void ReadAnswer(std::string_view input) {
  const auto answer = priv::DecodeAnswer<T>(input);
  if (!answer) Promise(answer.error().message.size() <= priv::kMessageBytesMax, "a message keeps its bound");
}

}  // namespace

void RunPriv(std::string_view input) {
  IsRequest<priv::EnsureAccount>(input);
  IsRequest<priv::LookHomes>(input);
  IsRequest<priv::EnsureHome>(input);
  IsRequest<priv::WriteKeys>(input);
  IsRequest<priv::PackWork>(input);
  IsRequest<priv::Watch>(input);
  ReadAnswer<std::optional<host::Account>>(input);
  ReadAnswer<priv::LookHomes::Seen>(input);
  ReadAnswer<host::SessionsState>(input);

  tests::FakeAccounts accounts;
  tests::FakeHomes homes;
  tests::FakeSessions sessions;
  tests::FakeFileWatch watch;
  NoWork work;
  const priv::Members members({.root = "/nowhere"}, accounts);
  priv::Verbs verbs({.members = members, .accounts = accounts, .homes = homes, .work = work, .sessions = &sessions});
  priv::Hints hints("", members, watch);
  const priv::Packet packet{.bytes = std::string(input)};
  auto answer = hints.Answer(packet, host::linux::Fd());
  if (!answer) answer = verbs.Answer(packet, {});
  if (answer) Promise(answer->size() <= priv::kPacketBytesMax, "an answer keeps its bound");
}

}  // namespace fuzz
