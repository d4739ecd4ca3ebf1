#pragma once

#include <string.h>
#include <string>
#include <utility>

namespace api {

/// A text that is nobody's to read: a token, a password, a private key. Nothing turns it into text, JSON, a stream or a
/// formatter's argument, so it gets into no message, step, event, status or log by mistake: that does not compile. Its
/// memory is wiped when it goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.Wipe(); }
  Secret& operator=(Secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~Secret() { Wipe(); }

  bool operator==(const Secret&) const = default;

  /// The text itself, for the one call that needs it; what is copied from there is no secret any more.
  const std::string& Reveal() const { return text_; }
  /// `…1a2b`, so that people can tell two of them apart; `…` alone for one so short that its end would give it away.
  std::string Tail() const {
    constexpr std::size_t kShown = 4;
    constexpr std::size_t kLengthMin = 16;  // A quarter of it is known then; tokens and keys are longer.
    return "…" + (text_.size() < kLengthMin ? std::string() : text_.substr(text_.size() - kShown));
  }
  bool empty() const { return text_.empty(); }

 private:
  void Wipe() noexcept {
    text_.resize(text_.capacity());  // What a short text left in the object itself, too. Allocates nothing.
    ::explicit_bzero(text_.data(), text_.size());
    text_.clear();
  }

  std::string text_;
};

}  // namespace api
