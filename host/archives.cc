#include "host/archives.h"

#include <algorithm>
#include <array>

#include "api/meta/words.h"

namespace host {

bool IsCredentialName(std::string_view name) {
  static constexpr std::array<std::string_view, 19> kNames = {
      "secrets.toml",     ".credentials.json", "credentials.json", "credentials.toml", ".env",          ".netrc",
      ".git-credentials", ".pgpass",           ".my.cnf",          ".npmrc",           ".pypirc",       "id_rsa",
      "id_dsa",           "id_ecdsa",          "id_ecdsa_sk",      "id_ed25519",       "id_ed25519_sk", "token",
      ".htpasswd"};
  static constexpr std::array<std::string_view, 8> kSuffixes = {".pem", ".key", ".p12",   ".pfx",
                                                                ".jks", ".age", ".token", ".kdbx"};
  return api::HasWord(kNames, name) || std::any_of(kSuffixes.begin(), kSuffixes.end(),
                                                   [&](std::string_view suffix) { return name.ends_with(suffix); });
}

}  // namespace host
