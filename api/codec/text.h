#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "api/meta/time.h"

namespace api::codec {

/// `2026-11-20T20:58:51Z`: whole seconds, as Kubernetes writes metav1.Time.
std::string FormatTime(Time time);
/// `2026-11-20T20:58:51.413890Z`: six decimals, as Kubernetes writes metav1.MicroTime.
std::string FormatMicroTime(Time time);
/// Any RFC 3339 time, with fraction and offset. Errors: kInvalid.
Expected<Time> ParseTime(std::string_view text);

/// `90s`, `5m`, `1h30m`, `250ms`: Go's form, without a sign and without units below ms. Errors: kInvalid, naming the
/// units.
Expected<std::chrono::milliseconds> ParseDuration(std::string_view text);
/// The shortest form that ParseDuration reads back: `5m`, `1h30m`, `250ms`, `0s`.
std::string FormatDuration(std::chrono::milliseconds duration);
/// As kubectl's AGE column: `5s`, `2m10s`, `3h4m`, `5d`. Negative values are `0s`.
std::string FormatAge(std::chrono::seconds age);

/// Lower-case hex SHA-256 of the bytes.
std::string Sha256Hex(std::string_view bytes);

/// Standard base64 with padding. Errors: kInvalid on any other character, wrong padding or set bits behind the end.
Expected<std::string> DecodeBase64(std::string_view text);
std::string EncodeBase64(std::string_view bytes);

/// A place in a text, as editors count it.
struct TextPosition {
  int line = 0;    ///< 1-based; 0 = unknown.
  int column = 0;  ///< 1-based, in code points.
};

TextPosition PositionAt(std::string_view text, std::size_t offset);

bool IsValidUtf8(std::string_view text);
/// How many bytes at the front are valid UTF-8: all of them, or those before the first wrong sequence.
std::size_t ValidUtf8Prefix(std::string_view text);

/// `text` fit for a terminal, a log or a condition: control characters (newlines too), marks that turn the reading
/// direction round and invalid UTF-8 become `?`. What exceeds `bytes_max` is cut at a character's border and ends in
/// `…`, mark included in the limit (SEC-57).
std::string Printable(std::string_view text, std::size_t bytes_max = 1024);

/// A user or service name as an object's name and back: `_` and `-` change places one to one (D-10).
std::string ObjectNameOf(std::string_view user_name);
std::string UserNameOf(std::string_view object_name);

/// Any text (a branch, a URL, org/repo) as an object's name, one to one: `development_lin` is `development-lin` and
/// `lhumina_code/hero_team` is `lhumina-code.hero-team`. Lower-case letters and digits stand for themselves; between
/// two of those `_` is `-`, `/` is `.` and `-` is `--`. Every other byte, upper-case letters too, is `---` and two hex
/// digits, and a name that would begin with those has `x-` before it. The empty text is `x----x`. So the result is an
/// RFC 1123 subdomain, and equals ObjectNameOf for a user's name. What would be longer than 253 bytes is cut and ends
/// in `----` and its SHA-256: still another name for every text, but DecodeName refuses it.
std::string EncodeName(std::string_view text);
/// Errors: kInvalid when EncodeName never gives that name, or had to cut it.
Expected<std::string> DecodeName(std::string_view name);

}  // namespace api::codec
