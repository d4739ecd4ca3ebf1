#include "api/meta/secret.h"

#include <concepts>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace {

using api::Secret;

template <class T>
concept Streams = requires(std::ostream& stream, const T& value) { stream << value; };
template <class T>
concept Appends = requires(std::string& text, const T& value) { text += value; };
template <class T>
concept Joins = requires(const std::string& text, const T& value) { text + value; };
template <class T>
concept IsText = std::is_convertible_v<T, std::string> || std::is_convertible_v<T, std::string_view> ||
                 std::is_constructible_v<std::string, T> || std::is_constructible_v<std::string_view, T>;
template <class T>
concept Formats = fmt::is_formattable<T>::value;

// What must not compile. Each is shown to be true of a text, so that none of them holds by a mistake in its wording.
static_assert(IsText<std::string> && !IsText<Secret>);
static_assert(Streams<std::string> && !Streams<Secret>);
static_assert(Appends<std::string> && !Appends<Secret>);
static_assert(Joins<std::string> && !Joins<Secret>);
static_assert(Formats<std::string> && !Formats<Secret>);
static_assert(std::is_constructible_v<api::Json, std::string> && !std::is_constructible_v<api::Json, Secret>);
static_assert(std::is_constructible_v<api::Json::Member, std::string, std::string> &&
              !std::is_constructible_v<api::Json::Member, std::string, Secret>);
static_assert(!std::is_convertible_v<std::string, Secret>);  // And nothing becomes one unasked.

TEST_CASE("[ENGINE-6] secret: it is shown by its tail alone, and a short one not at all") {
  CHECK(Secret("0123456789abcdef1a2b").Tail() == "…1a2b");
  CHECK(Secret("hunter2").Tail() == "…");
  CHECK(Secret().Tail() == "…");
  CHECK(Secret().empty());
  CHECK(Secret("0123456789abcdef1a2b").Reveal() == "0123456789abcdef1a2b");
}

TEST_CASE("[ENGINE-6] secret: what was moved or assigned away leaves nothing behind") {
  Secret first("short");
  const char* place = first.Reveal().data();
  const Secret second = std::move(first);
  CHECK(second == Secret("short"));
  CHECK(std::string_view(place, 5) == std::string_view("\0\0\0\0\0", 5));  // The moved-from text kept its bytes.
  Secret third("a token that is too long to stand in the object");
  third = second;
  CHECK(third == second);
  CHECK_FALSE(third == Secret("other"));
}

}  // namespace
