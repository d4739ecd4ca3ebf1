#pragma once

#include <string>

#include "api/meta/expected.h"

/// The error's message, `fine` when there is a value: what a table of refusals compares.
template <class T>
std::string Outcome(const api::Expected<T>& result) {
  return result ? "fine" : result.error().message;
}

inline std::string Repeat(const std::string& piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}
