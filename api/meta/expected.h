#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace api {

/// What kind of failure it is. The kind decides when to try again (docs/adr/0001), so it is part of every error.
enum class Code {
  kNotFound,
  kAlreadyExists,
  kConflict,     ///< Somebody else changed it first; read again.
  kInvalid,      ///< Needs a change of input; trying again is no use.
  kForbidden,    ///< Not allowed, or a name that is taken; somebody has to act.
  kExpired,      ///< The asked revision is gone; list again.
  kUnavailable,  ///< Not now: a peer is down, a queue is full, we are stopping.
  kTimeout,
  kInternal,  ///< A bug or a broken machine.
};

/// "NotFound" for kNotFound, and so on: the word of Kubernetes' Status.reason.
std::string_view CodeName(Code code);

/// One field that is wrong, as Kubernetes' Status.details.causes names it.
struct Cause {
  std::string field{};    ///< Path from the object's root, `spec.ports[0].name`.
  std::string reason{};   ///< `FieldValueInvalid` and its siblings.
  std::string message{};  ///< Without the field.

  bool operator==(const Cause&) const = default;
};

/// A failure that was expected to happen. `reason` is a CamelCase constant that goes unchanged into conditions and
/// events; `message` is for people: lower case, no period, says what was tried on what, never a secret.
struct Error {
  Code code = Code::kInternal;
  std::string reason{};
  std::string message{};
  std::vector<Cause> causes{};

  bool operator==(const Error&) const = default;

  /// The same error with `context` and a colon before its message.
  Error Within(std::string_view context) const;
};

/// A value or the reason why there is none. The subset of std::expected (missing in C++20) that this project uses.
template <class T>
class [[nodiscard]] Expected {
 public:
  using value_type = T;

  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  bool has_value() const noexcept { return state_.index() == 0; }

  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  /// Only when there is no value.
  const Error& error() const noexcept { return *std::get_if<1>(&state_); }

  T value_or(T other) const { return has_value() ? **this : std::move(other); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or the reason why not.
template <>
class [[nodiscard]] Expected<void> {
 public:
  using value_type = void;

  Expected() = default;
  Expected(Error error) : error_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return error_.index() == 0; }
  bool has_value() const noexcept { return error_.index() == 0; }
  const Error& error() const noexcept { return *std::get_if<1>(&error_); }

 private:
  std::variant<std::monostate, Error> error_{};
};

}  // namespace api
