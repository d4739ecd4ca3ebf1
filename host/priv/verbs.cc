#include "host/priv/verbs.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <type_traits>
#include <utility>

#include "api/meta/names.h"
#include "host/log.h"

namespace host::priv {

namespace {

using api::Code;
using api::Error;

/// Kept free in an answer about homes for the sums and flags beside their keys.
constexpr std::size_t kHomeOverheadBytes = kReasonBytesMax + kMessageBytesMax + 64;

/// One line for everything that was changed, or refused to be: journald keeps it where herod cannot reach.
template <class T>
void Note(const char* verb, const std::string& name, const api::Expected<T>& result) {
  if (result)
    log::Info("done", {{"verb", verb}, {"member", name}});
  else
    log::Warning("not done", {{"verb", verb}, {"member", name}, {"reason", result.error().reason}});
}

template <class Request>
std::optional<Request> Decode(PacketReader& packet) {
  Request request;
  FieldReader field(packet);
  field(request);
  return packet.IsWhole() ? std::optional(std::move(request)) : std::nullopt;
}

}  // namespace

std::optional<std::string> Verbs::Answer(const Packet& packet, const std::stop_token& stop) {
  if (packet.is_cut) return std::nullopt;
  PacketReader reader(packet.bytes);
  const std::uint8_t version = reader.Byte();
  const std::uint8_t verb = reader.Byte();
  if (!reader.IsGood()) return std::nullopt;
  if (version != kVersion) {
    return EncodeAnswer(
        api::Expected<void>(Error{Code::kUnavailable, "OtherVersion",
                                  "herod-priv and herod are of different builds; install both from one and restart"}));
  }
  // A descriptor that nobody asked for is nobody's to take.
  const std::size_t descriptors = verb == static_cast<std::uint8_t>(Verb::kPackWork) ? 1 : 0;
  if (packet.descriptors.size() != descriptors) return std::nullopt;
  const auto answer = [&]<class Request>(std::type_identity<Request>) -> std::optional<std::string> {
    const auto request = Decode<Request>(reader);
    if (!request) return std::nullopt;
    if constexpr (Request::kVerb == Verb::kPackWork) {
      return EncodeAnswer(Do(*request, packet.descriptors.front(), stop));
    } else {
      return EncodeAnswer(Do(*request));
    }
  };
  switch (static_cast<Verb>(verb)) {
    case Verb::kFindAccount:
      return answer(std::type_identity<FindAccount>());
    case Verb::kEnsureAccount:
      return answer(std::type_identity<EnsureAccount>());
    case Verb::kLookHomes:
      return answer(std::type_identity<LookHomes>());
    case Verb::kEnsureHome:
      return answer(std::type_identity<EnsureHome>());
    case Verb::kWriteKeys:
      return answer(std::type_identity<WriteKeys>());
    case Verb::kHasWork:
      return answer(std::type_identity<HasWork>());
    case Verb::kPackWork:
      return answer(std::type_identity<PackWork>());
    case Verb::kLookSessions:
      return answer(std::type_identity<LookSessions>());
    case Verb::kEndSessions:
      return answer(std::type_identity<EndSessions>());
    case Verb::kDropJobs:
      return answer(std::type_identity<DropJobs>());
    case Verb::kSubscribe:
    case Verb::kWatch:
    case Verb::kUnwatch:
      break;
  }
  return std::nullopt;
}

/// Derived, never taken from a request.
api::Expected<std::string> Verbs::HomeOf(const std::string& name) const {
  if (!api::IsUserName(name)) return NotAName(name);
  return "/home/" + name;
}

api::Expected<std::optional<Account>> Verbs::Do(const FindAccount& request) const {
  if (!api::IsUserName(request.name)) return NotAName(request.name);
  return seams_.accounts.Find(request.name);
}

api::Expected<Account> Verbs::Do(const EnsureAccount& request) {
  const std::string& name = request.wish.name;
  const auto checked = seams_.members.Check(request.wish);
  auto ensured = checked ? seams_.accounts.Ensure(request.wish) : api::Expected<Account>(checked.error());
  Note("ensure account", name, ensured);
  return ensured;
}

api::Expected<LookHomes::Seen> Verbs::Do(const LookHomes& request) {
  if (request.names.empty()) return Error{Code::kInvalid, "NoHomes", "look at homes: none is named"};
  LookHomes::Seen seen;
  std::size_t bytes = kHomeOverheadBytes;
  for (const std::string& name : request.names) {
    const auto home = HomeOf(name);
    auto state = home ? seams_.homes.Look(*home) : api::Expected<HomeState>(home.error());
    bytes += kHomeOverheadBytes + (state ? state->authorized_keys.size() : 0);
    if (bytes > kPacketBytesMax && !seen.homes.empty()) break;  // The caller asks for the rest.
    seen.homes.push_back(std::move(state));
  }
  return seen;
}

api::Expected<void> Verbs::Do(const EnsureHome& request) {
  const auto member = seams_.members.Find(request.name);
  auto made = member ? seams_.homes.EnsureHome("/home/" + request.name, request.uid, request.gid)
                     : api::Expected<void>(member.error());
  Note("ensure home", request.name, made);
  return made;
}

api::Expected<void> Verbs::Do(const WriteKeys& request) {
  const auto member = seams_.members.Find(request.name);
  auto written = member ? seams_.homes.WriteAuthorizedKeys("/home/" + request.name, request.content)
                        : api::Expected<void>(member.error());
  Note("write keys", request.name, written);
  return written;
}

api::Expected<bool> Verbs::Do(const HasWork& request) {
  const auto home = HomeOf(request.name);
  if (!home) return home.error();
  return seams_.work.IsThere(*home);
}

/// The descriptor has to be what herod alone can have made for this: an empty file of its own, open for writing. What
/// is packed is then nobody's who could not have read it.
api::Expected<void> Verbs::CheckArchive(const linux::Fd& archive) const {
  struct stat status {};
  const int flags = ::fcntl(archive.get(), F_GETFL);
  if (flags < 0 || ::fstat(archive.get(), &status) != 0) return linux::SystemError("look at an archive", errno);
  const bool is_for_writing = (flags & O_ACCMODE) != O_RDONLY && (flags & O_PATH) == 0;
  if (S_ISREG(status.st_mode) && status.st_uid == seams_.caller && status.st_size == 0 && is_for_writing) return {};
  return Error{Code::kForbidden, "NotAnArchive", "pack: the descriptor is no empty file of yours, open for writing"};
}

api::Expected<Packed> Verbs::Do(const PackWork& request, const linux::Fd& archive, const std::stop_token& stop) {
  const auto pack = [&]() -> api::Expected<Packed> {
    const auto member = seams_.members.Find(request.name);
    if (!member) return member.error();
    if (auto checked = CheckArchive(archive); !checked) return checked.error();
    if (*member && !(*member)->is_expired) {
      return Error{Code::kConflict, "NotExpired",
                   "pack the work of " + request.name + ": the account may log in, so its work is not to be read"};
    }
    return seams_.work.Pack("/home/" + request.name, archive.get(), stop);
  };
  auto packed = pack();
  Note("pack work", request.name, packed);
  return packed;
}

namespace {

Error NoSessions() { return {Code::kUnavailable, "NoSessions", "a box below a directory has no sessions"}; }

}  // namespace

api::Expected<SessionsState> Verbs::Do(const LookSessions& request) {
  const auto member = seams_.members.Find(request.name);
  if (!member) return member.error();
  if (seams_.sessions == nullptr) return NoSessions();
  return seams_.sessions->Look(request.name);
}

api::Expected<void> Verbs::Do(const EndSessions& request) {
  const auto member = seams_.members.Find(request.name);
  api::Expected<void> ended = member ? api::Expected<void>() : api::Expected<void>(member.error());
  if (ended) ended = seams_.sessions != nullptr ? seams_.sessions->End(request.name) : NoSessions();
  Note("end sessions", request.name, ended);
  return ended;
}

api::Expected<void> Verbs::Do(const DropJobs& request) {
  const auto member = seams_.members.Find(request.name);
  api::Expected<void> dropped = member ? api::Expected<void>() : api::Expected<void>(member.error());
  if (dropped) dropped = seams_.sessions != nullptr ? seams_.sessions->DropJobs(request.name) : NoSessions();
  Note("drop jobs", request.name, dropped);
  return dropped;
}

}  // namespace host::priv
