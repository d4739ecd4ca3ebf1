#include "server/tokens.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/codec/fields.h"
#include "api/codec/json.h"
#include "api/codec/text.h"
#include "server/status.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr std::string_view kPrefix = "hero_";  // By which a scanner for leaked secrets knows one.
constexpr int kIdWords = 1;                    // Of 64 bits.
constexpr int kSecretWords = 4;                // 256 bits.
constexpr std::size_t kTokenMax = 128;         // Ours have 86 bytes.

struct TokenFile {
  std::string kind = "Tokens";
  std::vector<TokenRecord> tokens{};

  static void Fields(auto& self, auto&& field) {
    field("kind", self.kind);
    field("tokens", self.tokens);
  }
};

/// In a time that depends on the lengths alone.
bool IsSame(std::string_view a, std::string_view b) {
  unsigned char differs = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    differs = static_cast<unsigned char>(differs | (a[i] ^ b[i]));
  return differs == 0;
}

}  // namespace

Expected<std::unique_ptr<Tokens>> Tokens::Open(host::KeptText& text, const host::Clock& clock, host::Entropy& entropy) {
  std::unique_ptr<Tokens> tokens(new Tokens(text, clock, entropy));
  auto kept = text.Read();
  if (!kept) return kept.error();
  if (kept->empty()) return tokens;
  const auto json = api::codec::ParseJson(*kept);
  if (!json) return json.error().Within("the kept tokens");
  auto file = api::codec::Decode<TokenFile>(*json);
  if (!file) return file.error().Within("the kept tokens");
  for (TokenRecord& record : file->tokens) {
    std::string id = record.id;
    tokens->records_.emplace(std::move(id), std::move(record));
  }
  return tokens;
}

/// 16 hex digits a word.
std::string Tokens::RandomText(int words) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < words; ++i) {
    std::uint64_t bits = entropy_.Next();
    for (int digit = 0; digit < 16; ++digit, bits >>= 4) text += kDigits[bits & 15];
  }
  return text;
}

Tokens::Records Tokens::Living() const {
  const auto now = clock_.Now();
  const std::lock_guard lock(mutex_);
  Records living = records_;
  std::erase_if(living, [&](const auto& entry) { return entry.second.expires <= now; });
  return living;
}

/// The caller holds writes_.
Expected<void> Tokens::Keep(const Records& records) {
  TokenFile file;
  for (const auto& [id, record] : records) file.tokens.push_back(record);
  if (auto kept = text_.Replace(api::codec::WriteJson(api::codec::Encode(file)) + "\n"); !kept) return kept;
  const std::lock_guard lock(mutex_);
  records_ = records;
  return {};
}

Expected<Tokens::Made> Tokens::Create(TokenRecord wish, std::chrono::milliseconds life) {
  if (life < kLifeMin || life > kLifeMax)
    return Error{Code::kInvalid, "Invalid",
                 "a token lives from " + api::codec::FormatDuration(kLifeMin) + " to " +
                     api::codec::FormatDuration(kLifeMax) + " (90 days)"};
  const std::lock_guard lock(writes_);
  Records records = Living();
  const auto of_user =
      std::count_if(records.begin(), records.end(), [&](const auto& entry) { return entry.second.user == wish.user; });
  if (static_cast<std::size_t>(of_user) >= kPerUserMax)
    return TooManyRequests(wish.user + " has " + std::to_string(of_user) + " tokens: revoke those that nobody uses");
  if (records.size() >= kTokensMax) return TooManyRequests("there are too many tokens: revoke those that nobody uses");
  wish.id = RandomText(kIdWords);
  wish.made = std::chrono::floor<std::chrono::seconds>(clock_.Now());
  wish.expires = wish.made + std::chrono::ceil<std::chrono::seconds>(life);
  api::Secret token(std::string(kPrefix) + wish.id + "_" + RandomText(kSecretWords));
  wish.sha256 = api::codec::Sha256Hex(token.Reveal());
  records[wish.id] = wish;
  if (auto kept = Keep(records); !kept) return kept.error();
  return Made{.record = std::move(wish), .token = std::move(token)};
}

std::vector<TokenRecord> Tokens::List(std::optional<std::string_view> user) const {
  std::vector<TokenRecord> found;
  for (auto& [id, record] : Living())
    if (!user || record.user == *user) found.push_back(record);
  std::sort(found.begin(), found.end(), [](const TokenRecord& a, const TokenRecord& b) {
    return std::pair(b.made, a.id) < std::pair(a.made, b.id);
  });
  return found;
}

std::optional<TokenRecord> Tokens::FindId(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(id);
  if (found == records_.end() || found->second.expires <= clock_.Now()) return std::nullopt;
  return found->second;
}

Expected<void> Tokens::Revoke(std::string_view id) {
  const std::lock_guard lock(writes_);
  Records records = Living();
  const auto found = records.find(id);
  if (found == records.end())
    return Error{Code::kNotFound, "NotFound", "tokens \"" + api::codec::Printable(id, kTokenMax) + "\" not found"};
  records.erase(found);
  return Keep(records);
}

std::optional<TokenRecord> Tokens::Find(std::string_view token) const {
  if (!token.starts_with(kPrefix) || token.size() > kTokenMax) return std::nullopt;
  const std::string sha256 = api::codec::Sha256Hex(token);
  const std::string_view rest = token.substr(kPrefix.size());
  auto record = FindId(rest.substr(0, rest.find('_')));
  return record && IsSame(record->sha256, sha256) ? std::move(record) : std::nullopt;
}

}  // namespace server
