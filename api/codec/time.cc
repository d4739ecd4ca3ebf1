#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "api/codec/text.h"

namespace api::codec {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void AppendPadded(std::string& text, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) text.append(width - digits.size(), '0');
  text += digits;
}

std::string FormatDateTime(std::chrono::sys_time<seconds> time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text;
  AppendPadded(text, static_cast<int>(date.year()), 4);
  AppendPadded(text += '-', static_cast<unsigned>(date.month()), 2);
  AppendPadded(text += '-', static_cast<unsigned>(date.day()), 2);
  AppendPadded(text += 'T', clock.hours().count(), 2);
  AppendPadded(text += ':', clock.minutes().count(), 2);
  AppendPadded(text += ':', clock.seconds().count(), 2);
  return text;
}

/// Reads a text from its front. Once something does not fit, everything after fails as well.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return !failed_ && rest_.empty(); }

  /// Exactly `width` digits.
  int Digits(std::size_t width) {
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value * 10 + NextDigit();
    return value;
  }

  /// One of `characters`; the one that was there.
  char OneOf(std::string_view characters) {
    const char next = rest_.empty() ? '\0' : rest_.front();
    if (failed_ || rest_.empty() || characters.find(next) == std::string_view::npos) return Fail();
    rest_.remove_prefix(1);
    return next;
  }

  bool Has(char character) const { return !failed_ && rest_.starts_with(character); }

  /// One or more digits behind the point as microseconds; finer ones are cut off.
  microseconds Fraction() {
    std::int64_t value = NextDigit();
    std::int64_t scale = 100'000;
    value *= scale;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      scale /= 10;
      value += NextDigit() * scale;
    }
    return microseconds(value);
  }

 private:
  int NextDigit() {
    const char digit = OneOf("0123456789");
    return failed_ ? 0 : digit - '0';
  }

  char Fail() {
    failed_ = true;
    return '\0';
  }

  std::string_view rest_;
  bool failed_ = false;
};

Error NotATime(std::string_view text) {
  return {.code = Code::kInvalid,
          .reason = "InvalidTime",
          .message = "'" + Printable(text, 64) + "' is no RFC 3339 time such as 2026-11-20T20:58:51Z"};
}

Error NotADuration(std::string_view text) {
  return {.code = Code::kInvalid,
          .reason = "InvalidDuration",
          .message = "'" + Printable(text, 64) + "' is no duration such as 90s or 1h30m; the units are h, m, s, ms"};
}

struct Unit {
  std::string_view name;
  std::int64_t length_ms;
};

// `ms` before `m`, so that the longer name is found first.
constexpr std::array kUnits = {Unit{"ms", 1}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}};

// Go's longest duration, about 292 years. Sums of two never overflow.
constexpr std::int64_t kDurationMaxMs = INT64_MAX / 1'000'000;

/// Takes one `1.5h` from the front of `rest`. No value: there is none, or it is too long.
std::optional<std::int64_t> TakePart(std::string_view& rest) {
  if (rest.empty() || rest.front() == '-') return std::nullopt;
  std::int64_t whole = 0;
  const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), whole);
  if (problem != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));

  std::int64_t fraction = 0;
  std::int64_t scale = 1;
  if (rest.starts_with('.')) {
    const std::size_t digits = rest.substr(1).find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos || digits > 9) return std::nullopt;
    std::from_chars(rest.data() + 1, rest.data() + 1 + digits, fraction);
    for (std::size_t i = 0; i < digits; ++i) scale *= 10;
    rest.remove_prefix(1 + digits);
  }
  for (const Unit& unit : kUnits) {
    if (!rest.starts_with(unit.name)) continue;
    rest.remove_prefix(unit.name.size());
    if (whole > kDurationMaxMs / unit.length_ms) return std::nullopt;
    return whole * unit.length_ms + fraction * unit.length_ms / scale;
  }
  return std::nullopt;
}

/// `3h4m`: the second part only when it is not zero.
std::string TwoParts(std::int64_t first, char first_unit, std::int64_t second, char second_unit) {
  std::string text = std::to_string(first) + first_unit;
  if (second != 0) text += std::to_string(second) + second_unit;
  return text;
}

}  // namespace

std::string FormatTime(Time time) { return FormatDateTime(std::chrono::floor<seconds>(time)) + "Z"; }

std::string FormatMicroTime(Time time) {
  const auto whole = std::chrono::floor<seconds>(time);
  std::string text = FormatDateTime(whole) + ".";
  AppendPadded(text, (time - whole).count(), 6);
  return text + "Z";
}

Expected<Time> ParseTime(std::string_view text) {
  Scanner scanner(text);
  const std::chrono::year year(scanner.Digits(4));
  scanner.OneOf("-");
  const std::chrono::month month(static_cast<unsigned>(scanner.Digits(2)));
  scanner.OneOf("-");
  const std::chrono::day day(static_cast<unsigned>(scanner.Digits(2)));
  scanner.OneOf("Tt");
  const int hour = scanner.Digits(2);
  scanner.OneOf(":");
  const int minute = scanner.Digits(2);
  scanner.OneOf(":");
  const int second = scanner.Digits(2);
  microseconds fraction{0};
  if (scanner.Has('.')) {
    scanner.OneOf(".");
    fraction = scanner.Fraction();
  }
  const char zone = scanner.OneOf("Zz+-");
  int offset_hour = 0;
  int offset_minute = 0;
  if (zone == '+' || zone == '-') {
    offset_hour = scanner.Digits(2);
    scanner.OneOf(":");
    offset_minute = scanner.Digits(2);
  }
  const std::chrono::year_month_day date(year, month, day);
  const bool is_valid =
      scanner.AtEnd() && date.ok() && hour < 24 && minute < 60 && second < 60 && offset_hour < 24 && offset_minute < 60;
  if (!is_valid) return NotATime(text);
  const auto offset = hours(offset_hour) + minutes(offset_minute);
  const Time local = std::chrono::sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + fraction;
  return zone == '-' ? local + offset : local - offset;
}

Expected<milliseconds> ParseDuration(std::string_view text) {
  if (text == "0") return milliseconds(0);
  std::int64_t sum_ms = 0;
  std::string_view rest = text;
  do {
    const auto part = TakePart(rest);
    if (!part || *part > kDurationMaxMs - sum_ms) return NotADuration(text);
    sum_ms += *part;
  } while (!rest.empty());
  return milliseconds(sum_ms);
}

std::string FormatDuration(milliseconds duration) {
  if (duration <= milliseconds(0)) return "0s";
  std::string text;
  std::int64_t rest = duration.count();
  for (const std::string_view name : {"h", "m", "s", "ms"}) {
    for (const Unit& unit : kUnits) {
      if (unit.name != name || rest < unit.length_ms) continue;
      text.append(std::to_string(rest / unit.length_ms)).append(name);
      rest %= unit.length_ms;
    }
  }
  return text;
}

// The steps of k8s.io/apimachinery's duration.HumanDuration.
std::string FormatAge(seconds age) {
  const std::int64_t all_seconds = std::max<std::int64_t>(age.count(), 0);
  const std::int64_t all_minutes = all_seconds / 60;
  const std::int64_t all_hours = all_minutes / 60;
  const std::int64_t all_days = all_hours / 24;
  const std::int64_t years = all_days / 365;
  if (all_seconds < 120) return std::to_string(all_seconds) + "s";
  if (all_minutes < 10) return TwoParts(all_minutes, 'm', all_seconds % 60, 's');
  if (all_minutes < 180) return std::to_string(all_minutes) + "m";
  if (all_hours < 8) return TwoParts(all_hours, 'h', all_minutes % 60, 'm');
  if (all_hours < 48) return std::to_string(all_hours) + "h";
  if (all_days < 8) return TwoParts(all_days, 'd', all_hours % 24, 'h');
  if (years < 2) return std::to_string(all_days) + "d";
  if (years < 8) return TwoParts(years, 'y', all_days % 365, 'd');
  return std::to_string(years) + "y";
}

}  // namespace api::codec
