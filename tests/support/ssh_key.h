#pragma once

#include <string>
#include <string_view>

#include "api/codec/text.h"

namespace tests {

/// The line of a public key that nobody has the private half of: another one for each owner.
inline std::string SshKey(std::string_view owner) {
  std::string body = api::codec::Sha256Hex(owner).substr(0, 32);
  const std::string type = "ssh-ed25519";
  return type + " " +
         api::codec::EncodeBase64(std::string("\0\0\0\x0b", 4) + type + std::string("\0\0\0\x20", 4) + body) + " " +
         std::string(owner) + "@laptop";
}

}  // namespace tests
