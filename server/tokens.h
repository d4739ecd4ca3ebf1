#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/secret.h"
#include "api/meta/time.h"
#include "host/clock.h"
#include "host/entropy.h"
#include "host/kept_text.h"

namespace server {

/// What a token stands for. The token itself is known to its owner alone.
struct TokenRecord {
  std::string id{};                         ///< For people: listed, revoked and audited by it; proves nothing.
  std::string user{};                       ///< Whose it is.
  std::string role{};                       ///< `operator`, `member`, `visitor`: what the user was when it was made.
  std::optional<std::string> member_uid{};  ///< Of the User object: another one of that name is somebody else.
  std::optional<std::int64_t> account{};    ///< An operator's: the number of the account.
  std::string made_by{};                    ///< Caller::Actor.
  api::Time made{};
  api::Time expires{};
  std::string sha256{};  ///< Of the whole token.

  static void Fields(auto& self, auto&& field) {
    field("id", self.id);
    field("user", self.user);
    field("role", self.role);
    field("memberUid", self.member_uid);
    field("account", self.account);
    field("madeBy", self.made_by);
    field("made", self.made);
    field("expires", self.expires);
    field("sha256", self.sha256);
  }
};

/// The tokens by which users prove over the network who they are: 256 random bits each, of which only the SHA-256 is
/// kept (docs/adr/0020). Expired ones are forgotten. Thread-safe; Find takes microseconds and never waits for the disk.
class Tokens {
 public:
  static constexpr std::chrono::hours kLifeDefault{24};
  static constexpr std::chrono::hours kLifeMax{24 * 90};
  static constexpr std::chrono::minutes kLifeMin{1};
  static constexpr std::size_t kPerUserMax = 50;   ///< A person has a handful of machines; a script that forgets, more.
  static constexpr std::size_t kTokensMax = 5000;  ///< A hundred users' worth; the file has 2 MiB then.

  /// All outlive this. Errors: those of the text; kInvalid when it is none of ours, so that no revocation is lost by
  /// beginning anew.
  static api::Expected<std::unique_ptr<Tokens>> Open(host::KeptText& text, const host::Clock& clock,
                                                     host::Entropy& entropy);

  struct Made {
    TokenRecord record{};
    api::Secret token{};
  };
  /// `wish` has user, role, member_uid, account and made_by. Errors: kInvalid (a life beyond the bounds),
  /// kUnavailable (TooManyRequests: that user, or all, have enough; or it could not be kept).
  api::Expected<Made> Create(TokenRecord wish, std::chrono::milliseconds life);

  /// Newest first; of one user, or of all.
  std::vector<TokenRecord> List(std::optional<std::string_view> user) const;

  std::optional<TokenRecord> FindId(std::string_view id) const;

  /// Dead at once, for whoever shows it from now on. Errors: kNotFound, kUnavailable (then it lives on).
  api::Expected<void> Revoke(std::string_view id);

  /// Whose it is. No value: it is none, expired or revoked. Takes the same time whatever its secret part is.
  std::optional<TokenRecord> Find(std::string_view token) const;

 private:
  using Records = std::map<std::string, TokenRecord, std::less<>>;  // By id.

  Tokens(host::KeptText& text, const host::Clock& clock, host::Entropy& entropy)
      : text_(text), clock_(clock), entropy_(entropy) {}

  std::string RandomText(int words);
  api::Expected<void> Keep(const Records& records);
  Records Living() const;

  host::KeptText& text_;
  const host::Clock& clock_;
  host::Entropy& entropy_;

  std::mutex writes_;  // Held over a whole change; before mutex_.
  mutable std::mutex mutex_;
  Records records_;  // Guarded by mutex_; changed with both held.
};

}  // namespace server
