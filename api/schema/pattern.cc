#include "api/schema/pattern.h"

#include <re2/re2.h>

#include "api/codec/text.h"

namespace api::schema {

Pattern::Pattern(std::string text, std::shared_ptr<const re2::RE2> expression)
    : text_(std::move(text)), expression_(std::move(expression)) {}

Expected<Pattern> Pattern::Compile(const std::string& text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);  // An eighth of RE2's default: `(x{100}){100}` is refused instead of kept.
  auto expression = std::make_shared<const RE2>(text, options);
  if (!expression->ok())
    return Error{.code = Code::kInvalid,
                 .reason = "InvalidPattern",
                 .message = "is no regular expression of RE2: " + codec::Printable(expression->error(), 256)};
  return Pattern(text, std::move(expression));
}

bool Pattern::Matches(std::string_view subject) const {
  return RE2::PartialMatch(re2::StringPiece(subject.data(), subject.size()), *expression_);
}

}  // namespace api::schema
