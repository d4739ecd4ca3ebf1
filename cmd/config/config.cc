#include "cmd/config/config.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "api/codec/fields.h"
#include "api/codec/toml.h"
#include "api/meta/names.h"
#include "host/forge_url.h"

namespace herod {
namespace {

using api::Code;
using api::Error;
using api::Expected;

Error Wrong(std::string field, std::string message) {
  return {Code::kInvalid, "InvalidConfig", message, {{std::move(field), "FieldValueInvalid", message}}};
}

Expected<void> CheckDuration(const std::string& field, const std::string& text) {
  auto duration = api::codec::ParseDuration(text);
  if (!duration) return Wrong(field, field + ": " + duration.error().message);
  if (*duration < std::chrono::seconds(1)) return Wrong(field, field + " has to be 1s at least");
  return {};
}

/// No value: it is no percentage from 0% to 100%.
std::optional<int> PercentOf(std::string_view text) {
  int percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  const bool is_whole = error == std::errc() && std::string_view(end, text.data() + text.size()) == "%";
  return is_whole && percent >= 0 && percent <= 100 ? std::optional(percent) : std::nullopt;
}

Expected<void> CheckForge(const ForgeSection& forge) {
  if (forge.kind == "local") {
    if (forge.url && !forge.url->starts_with("file:///"))
      return Wrong("forge.url", "forge.url of a local forge has to begin with file:///");
    return {};
  }
  if (forge.kind != "forgejo") return Wrong("forge.kind", "forge.kind has to be \"local\" or \"forgejo\"");
  if (auto url = host::ParseForgeUrl(forge.url.value_or("")); !url)
    return Wrong("forge.url", "forge.url: " + url.error().message);
  if (!forge.token_file.starts_with('/'))
    return Wrong("forge.token_file",
                 "forge.token_file has to be the absolute path of a file of mode 0600 with the token");
  if (!forge.ca_file.empty() && !forge.ca_file.starts_with('/'))
    return Wrong("forge.ca_file", "forge.ca_file has to be an absolute path");
  return {};
}

/// The address itself is read by whoever listens there.
Expected<void> CheckServe(const ServeSection& serve) {
  if (serve.tls_certificate.empty() != serve.tls_key.empty())
    return Wrong("serve.tls_certificate", "serve.tls_certificate and serve.tls_key go together");
  for (const auto& [key, path] :
       {std::pair{"serve.tls_certificate", serve.tls_certificate}, std::pair{"serve.tls_key", serve.tls_key}})
    if (!path.empty() && !path.starts_with('/')) return Wrong(key, std::string(key) + " has to be an absolute path");
  if (serve.plain && !serve.tls_certificate.empty())
    return Wrong("serve.plain", "serve.plain is without TLS, and needs no serve.tls_certificate");
  return {};
}

Expected<void> Check(const Config& config) {
  const std::string& url = config.team.url;
  if (url.empty()) return Wrong("team.url", "[team].url is required: where hero_team is, as file:///… or https://…");
  if (!url.starts_with("file:///") && !url.starts_with("https://"))
    return Wrong("team.url", "team.url has to start with file:/// or https://");
  if (auto interval = CheckDuration("team.interval", config.team.interval); !interval) return interval;
  if (config.repos.interval)
    if (auto interval = CheckDuration("repos.interval", *config.repos.interval); !interval) return interval;
  if (!PercentOf(config.follow.jitter))
    return Wrong("follow.jitter",
                 "follow.jitter has to be a percentage of the interval from 0% to 100%, such as \"10%\"");
  if (!config.team.signers.empty() && !config.team.signers.starts_with('/'))
    return Wrong("team.signers",
                 "team.signers has to be the absolute path of a file of allowed signers, see ssh-keygen(1)");
  if (auto forge = CheckForge(config.forge); !forge) return forge;
  if (auto serve = CheckServe(config.serve); !serve) return serve;
  if (!api::IsUserName(config.box.driver)) return Wrong("box.driver", "box.driver has to be the name of an account");
  for (const std::string& name : config.accounts.adoptable)
    if (!api::IsUserName(name))
      return Wrong("accounts.adoptable", "accounts.adoptable has \"" + name + "\", which no member can be called");
  return {};
}

}  // namespace

std::chrono::milliseconds RepositoryInterval(const Config& config) {
  const auto parsed = api::codec::ParseDuration(config.repos.interval.value_or(config.team.interval));
  return parsed.value_or(std::chrono::minutes(5));
}

int JitterPercent(const Config& config) { return PercentOf(config.follow.jitter).value_or(0); }

Expected<Config> ParseConfig(std::string_view text, std::string_view source) {
  auto document = api::codec::ParseToml(text, source);
  if (!document) return document.error();
  auto config = api::codec::Decode<Config>(document->value, {.refuse_unknown = true});
  if (!config) return document->At(config.error());
  if (auto good = Check(*config); !good) return document->At(good.error());
  return config;
}

Expected<Config> ReadConfig(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return Error{
        Code::kNotFound, "NoConfig",
        "cannot read " + path + "; the least that it needs is:\n[team]\nurl = \"file:///path/to/hero_team.git\""};
  return ParseConfig(std::string(std::istreambuf_iterator<char>(file), {}), path);
}

}  // namespace herod
