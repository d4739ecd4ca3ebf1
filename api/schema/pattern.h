#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace re2 {
class RE2;
}

namespace api::schema {

/// A regular expression in RE2's dialect. Matching takes linear time, so no text and no third party's schema can hang
/// us.
class Pattern {
 public:
  /// Errors: kInvalid, with what RE2 says.
  static Expected<Pattern> Compile(const std::string& text);

  const std::string& Text() const { return text_; }
  /// Anywhere in `subject`, unless the pattern is anchored.
  bool Matches(std::string_view subject) const;

 private:
  Pattern(std::string text, std::shared_ptr<const re2::RE2> expression);

  std::string text_;
  std::shared_ptr<const re2::RE2> expression_;  // Shared because schemas are copied; matching is thread-safe.
};

}  // namespace api::schema
