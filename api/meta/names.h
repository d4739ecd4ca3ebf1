#pragma once

#include <cstddef>
#include <string_view>

namespace api {

/// The longest name of a user or service: what useradd and the socket paths below it take.
inline constexpr std::size_t kUserNameMax = 31;

/// `^[a-z][a-z0-9]*(_[a-z0-9]+)*$`, at most 31 characters (design D-10).
constexpr bool IsUserName(std::string_view name) {
  if (name.empty() || name.size() > kUserNameMax || name.front() < 'a' || name.front() > 'z' || name.back() == '_')
    return false;
  char before = 'a';
  for (const char c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!is_plain && (c != '_' || before == '_')) return false;
    before = c;
  }
  return true;
}

}  // namespace api
