// What git asks for the name and the token of a forge (GIT_ASKPASS). It answers for one server alone, whatever server
// a redirect led git to, and reads the token from its file, so that it is in no argument and no environment.
//   HERO_ASKPASS_ORIGIN      https://host[:port] that the token is for
//   HERO_ASKPASS_TOKEN_FILE  its file, mode 0600
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/meta/words.h"
#include "host/linux/token_file.h"

namespace {

constexpr std::string_view kScheme = "https://";
constexpr const char* kName = "herobox";  // Any will do: the token says who it is.

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int Refuse(const std::string& why) {
  std::fprintf(stderr, "herod-askpass: %s\n", why.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string origin = Variable("HERO_ASKPASS_ORIGIN");
  if (argc != 2 || !origin.starts_with(kScheme)) return Refuse("git asks this program; it is of no other use");
  const std::string host = api::LowerCase(origin.substr(kScheme.size()));
  const std::string prompt = api::LowerCase(argv[1]);
  if (prompt == "username for 'https://" + host + "': ") return std::puts(kName) < 0 ? 1 : 0;
  if (prompt != "password for 'https://" + std::string(kName) + "@" + host + "': ")
    return Refuse("the token is for " + origin + " alone");
  const auto token = host::linux::ReadTokenFile(Variable("HERO_ASKPASS_TOKEN_FILE"));
  if (!token) return Refuse(token.error().message);
  return std::puts(token->c_str()) < 0 ? 1 : 0;
}
