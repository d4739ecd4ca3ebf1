#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "host/accounts.h"
#include "host/archives.h"
#include "host/homes.h"
#include "host/priv/packet.h"
#include "host/sessions.h"

/// How structs become fields of a packet and back. A struct names its fields once, for both ways.
namespace host::priv {

inline constexpr std::size_t kNameBytesMax = 64;               ///< Of an account or group; ours have 31.
inline constexpr std::size_t kNamesMax = 512;                  ///< Groups of an account.
inline constexpr std::size_t kFieldBytesMax = 1024;            ///< A field of passwd; the tools take less.
inline constexpr std::size_t kKeysBytesMax = (64u << 10) + 1;  ///< One more than Homes writes: a longer file differs.
inline constexpr std::size_t kReasonBytesMax = 64;
inline constexpr std::size_t kMessageBytesMax = 4096;
inline constexpr std::size_t kEntryBytesMax = 255;  ///< A name in a directory (NAME_MAX).

template <class Self, class T>
concept As = std::same_as<std::remove_const_t<Self>, T>;

void NameFields(As<Account> auto& self, auto& field) {
  field(self.name, kNameBytesMax);
  field(self.uid);
  field(self.gid);
  field(self.gecos, kFieldBytesMax);
  field(self.home, kFieldBytesMax);
  field(self.shell, kFieldBytesMax);
  field(self.is_expired);
  field(self.groups, kNamesMax, kNameBytesMax);
  field(self.has_root_group);
}

void NameFields(As<AccountWish> auto& self, auto& field) {
  field(self.name, kNameBytesMax);
  field(self.uid);
  field(self.gecos, kFieldBytesMax);
  field(self.home, kFieldBytesMax);
  field(self.shell, kFieldBytesMax);
  field(self.is_expired);
  field(self.groups, kNamesMax, kNameBytesMax);
  field(self.managed_groups, kNamesMax, kNameBytesMax);
}

void NameFields(As<HomeState> auto& self, auto& field) {
  field(self.exists);
  field(self.is_private);
  field(self.has_keys_file);
  field(self.authorized_keys, kKeysBytesMax);
  field(self.is_keys_file_replaced);
  field(self.is_keys_file_exposed);
}

void NameFields(As<Packed> auto& self, auto& field) {
  field(self.files);
  field(self.credentials_left_out);
  field(self.mounts_left_out);
  field(self.holed_left_out);
}

void NameFields(As<SessionsState> auto& self, auto& field) {
  field(self.processes);
  field(self.lingers);
  field(self.jobs);
}

/// Structs of our own have their fields inside.
template <class Self>
  requires requires(Self& self, void (*none)(...)) { std::remove_const_t<Self>::Fields(self, none); }
void NameFields(Self& self, auto& field) {
  std::remove_const_t<Self>::Fields(self, field);
}

/// Writes what it is called with.
class FieldWriter {
 public:
  explicit FieldWriter(PacketWriter& packet) : packet_(packet) {}

  void operator()(std::int64_t value) { packet_.Number(value); }
  void operator()(bool value) { packet_.Bool(value); }
  void operator()(const std::string& text, std::size_t bytes_max) { packet_.Text(text, bytes_max); }
  template <class T>
  void operator()(const std::optional<T>& value) {
    packet_.Bool(value.has_value());
    if (value) (*this)(*value);
  }
  template <class T>
  void operator()(const std::vector<T>& list, std::size_t count_max, auto... bounds) {
    packet_.Count(list.size(), count_max);
    for (const T& entry : list) (*this)(entry, bounds...);
  }
  template <class T>
  void operator()(const api::Expected<T>& result) {
    packet_.Bool(result.has_value());
    if (!result) {
      Error(result.error());
    } else if constexpr (!std::is_void_v<T>) {
      (*this)(*result);
    }
  }
  template <class T>
    requires std::is_class_v<T>
  void operator()(const T& value) {
    NameFields(value, *this);
  }

 private:
  /// Texts for people are cut, not refused: a failure that cannot be told is worse.
  void Error(const api::Error& error) {
    packet_.Byte(static_cast<std::uint8_t>(error.code));
    packet_.Text(std::string_view(error.reason).substr(0, kReasonBytesMax), kReasonBytesMax);
    packet_.Text(std::string_view(error.message).substr(0, kMessageBytesMax), kMessageBytesMax);
  }

  PacketWriter& packet_;
};

/// Fills what it is called with.
class FieldReader {
 public:
  explicit FieldReader(PacketReader& packet) : packet_(packet) {}

  void operator()(std::int64_t& value) { value = packet_.Number(); }
  void operator()(bool& value) { value = packet_.Bool(); }
  void operator()(std::string& text, std::size_t bytes_max) { text = packet_.Text(bytes_max); }
  template <class T>
  void operator()(std::optional<T>& value) {
    value.reset();
    if (packet_.Bool()) (*this)(value.emplace());
  }
  template <class T>
  void operator()(std::vector<T>& list, std::size_t count_max, auto... bounds) {
    list.clear();
    const std::size_t count = packet_.Count(count_max);
    for (std::size_t i = 0; packet_.IsGood() && i < count; ++i) (*this)(list.emplace_back(), bounds...);
  }
  template <class T>
  void operator()(std::vector<api::Expected<T>>& list, std::size_t count_max) {
    list.clear();
    const std::size_t count = packet_.Count(count_max);
    for (std::size_t i = 0; packet_.IsGood() && i < count; ++i) list.push_back(Result<T>());
  }
  template <class T>
    requires std::is_class_v<T>
  void operator()(T& value) {
    NameFields(value, *this);
  }

  template <class T>
  api::Expected<T> Result() {
    if (!packet_.Bool()) return Error();
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      T value{};
      (*this)(value);
      return value;
    }
  }

 private:
  api::Error Error() {
    const std::uint8_t code = packet_.Byte();
    if (code > static_cast<std::uint8_t>(api::Code::kInternal)) packet_.Refuse();
    std::string reason = packet_.Text(kReasonBytesMax);
    std::string message = packet_.Text(kMessageBytesMax);
    return {.code = static_cast<api::Code>(code), .reason = std::move(reason), .message = std::move(message)};
  }

  PacketReader& packet_;
};

}  // namespace host::priv
