#include <algorithm>
#include <array>
#include <string>

#include "api/codec/fields.h"
#include "api/codec/json.h"
#include "api/codec/object.h"
#include "api/codec/text.h"
#include "api/codec/toml.h"
#include "api/codec/yaml.h"
#include "api/meta/names.h"
#include "api/schema/schema.h"
#include "api/v1/kinds.h"
#include "controllers/manifest/manifest_file.h"
#include "controllers/team/user_file.h"
#include "tests/fuzz/targets.h"

/// The readers of api/codec and what is made of their values.
namespace fuzz {
namespace {

using api::Json;
using namespace api::codec;

constexpr std::array kTargets = {
    Target{"apply", RunApply},   Target{"http", RunHttp},         Target{"json", RunJson},
    Target{"names", RunNames},   Target{"object", RunObject},     Target{"patch", RunPatch},
    Target{"priv", RunPriv},     Target{"protobuf", RunProtobuf}, Target{"request", RunRequest},
    Target{"schema", RunSchema}, Target{"selector", RunSelector}, Target{"text", RunText},
    Target{"toml", RunToml},     Target{"yaml", RunYaml}};

bool TakeNumber(std::string_view& rest) {
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const bool is_number = digits > 0 && rest.front() != '0';
  rest.remove_prefix(digits);
  return is_number;
}

bool Take(std::string_view& rest, std::string_view token) {
  if (!rest.starts_with(token)) return false;
  rest.remove_prefix(token.size());
  return true;
}

/// `line 3, column 7: …`, both from 1.
bool HasJsonPlace(std::string_view message) {
  return Take(message, "line ") && TakeNumber(message) && Take(message, ", column ") && TakeNumber(message) &&
         Take(message, ": ") && !message.empty();
}

/// `f:3:7: …`, both from 1.
bool HasFilePlace(std::string_view message) {
  return Take(message, "f:") && TakeNumber(message) && Take(message, ":") && TakeNumber(message) &&
         Take(message, ": ") && !message.empty();
}

void CheckError(const api::Error& error) {
  Promise(error.code == api::Code::kInvalid, "what is read wrong is invalid");
  Promise(!error.reason.empty() && !error.message.empty(), "an error has a reason and a message");
  Promise(error.message.size() < 4096, "a message does not repeat its input");
}

/// What every value that was read can do.
void CheckValue(const Json& value) {
  const auto again = ParseJson(WriteJson(value));
  Promise(again && *again == value, "JSON that was written is read as the same");
  const auto pretty = ParseJson(WritePrettyJson(value));
  Promise(pretty && *pretty == value, "pretty JSON is read as the same");
  const auto yaml = ParseYaml(WriteYaml(value), "f");
  const std::size_t documents = value.is_null() ? 0 : 1;  // An empty document is none.
  Promise(yaml && yaml->size() == documents, "YAML that was written is one document");
  Promise(documents == 0 || yaml->front() == value, "YAML that was written is read as the same");
}

template <class Kind>
void CheckTyped(const api::Object& object) {
  const auto typed = FromObject<Kind>(object);
  if (!typed) return CheckError(typed.error());
  const auto again = FromObject<Kind>(ToObject(*typed));
  Promise(again && again->spec == typed->spec, "a spec survives being written");
}

}  // namespace

std::span<const Target> Targets() { return kTargets; }

void RunJson(std::string_view input) {
  const auto value = ParseJson(input);
  if (value) return CheckValue(*value);
  CheckError(value.error());
  Promise(HasJsonPlace(value.error().message), "an error in JSON has line and column");
}

void RunYaml(std::string_view input) {
  const auto documents = ParseYaml(input, "f");
  if (!documents) {
    CheckError(documents.error());
    return Promise(HasFilePlace(documents.error().message), "an error in YAML has line and column");
  }
  for (const Json& document : *documents) {
    CheckValue(document);
    const auto kind = api::schema::KindFromCrd(document);
    if (kind)
      Promise(kind->schema.has_value() && !kind->plural.empty(), "a definition has a name and a schema");
    else
      Promise(kind.error().code == api::Code::kInvalid && !kind.error().reason.empty(), "a bad definition is invalid");
  }
}

void RunToml(std::string_view input) {
  const auto document = ParseToml(input, "f");
  if (document) {
    CheckValue(document->value);
    for (const auto& [path, place] : document->positions)
      Promise(!path.empty() && place.line > 0 && place.column > 0, "every part of a file has a place");
  } else {
    CheckError(document.error());
    Promise(HasFilePlace(document.error().message), "an error in TOML has line and column");
  }
  const auto user = controllers::ReadUserFile(input, "f", "alice", {.assignable_groups = {"developers"}});
  if (user) {
    Promise(user->spec.name == "alice", "a member's name is the file's");
  } else {
    CheckError(user.error());
    Promise(user.error().message.starts_with("f:"), "an error in a member's file names the file");
  }
  const auto manifest = controllers::ReadManifestFile(input, "f", {.orgs = {"o"}, .may_have_state = true});
  if (!manifest) {
    CheckError(manifest.error());
    return Promise(manifest.error().message.starts_with("f:"), "an error in a manifest names the file");
  }
  for (const api::v1::Bind& row : manifest->manifest.bind)
    Promise(api::IsUserName(row.service) && row.repo.starts_with("o/") && (row.from == "hash") == row.hash.has_value(),
            "a row of a manifest is what it may be");
}

void RunObject(std::string_view input) {
  const auto object = ParseObject(input);
  if (!object) return CheckError(object.error());
  const std::string written = WriteObject(*object);  // Finer times than seconds and what nobody knows are gone in it.
  const auto again = ParseObject(written);
  Promise(again && WriteObject(*again) == written, "an object that was written is read as the same");
  Json status = Json::EmptyObject();
  const api::CommonStatus common = CommonStatusOf(*again);
  PutCommonStatus(common, status);
  api::Object of_status{.api_version = "v1", .kind = "A"};
  of_status.body["status"] = status;
  const api::CommonStatus back = CommonStatusOf(of_status);
  Promise(back.conditions.size() == common.conditions.size() && back.handled == common.handled,
          "conditions and handled wishes survive being written");
  CheckTyped<api::v1::User>(*object);
  CheckTyped<api::v1::Team>(*object);
  CheckTyped<api::v1::Repository>(*object);
}

void RunNames(std::string_view input) {
  const std::string name = EncodeName(input);
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  Promise(!name.empty() && name.size() <= 253, "a name has 1 to 253 characters");
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool is_inside = i > 0 && i + 1 < name.size();
    const bool is_good_dot = name[i] == '.' && is_inside && is_plain(name[i - 1]) && is_plain(name[i + 1]);
    Promise(is_plain(name[i]) || (name[i] == '-' && is_inside) || is_good_dot, "a name is a DNS subdomain");
  }
  if (const auto text = DecodeName(name); text || name.size() < 180)
    Promise(text && *text == input, "a name that was not cut is read as the same text");
  if (const auto text = DecodeName(input); text)
    Promise(EncodeName(*text) == input, "no two names are read as one text");
  Promise(UserNameOf(ObjectNameOf(input)) == input, "users' names and objects' names map one to one");
}

void RunText(std::string_view input) {
  if (const auto time = ParseTime(input)) {
    const auto again = ParseTime(FormatMicroTime(*time));
    Promise(again && *again == *time, "a time that was written is read as the same");
    Promise(FormatTime(*time).size() == 20, "a time has twenty characters");
  }
  if (const auto duration = ParseDuration(input)) {
    const auto again = ParseDuration(FormatDuration(*duration));
    Promise(again && *again == *duration, "a duration that was written is read as the same");
    FormatAge(std::chrono::floor<std::chrono::seconds>(*duration));
  }
  if (const auto bytes = DecodeBase64(input)) Promise(EncodeBase64(*bytes) == input, "base64 has one spelling");
  const auto again = DecodeBase64(EncodeBase64(input));
  Promise(again && *again == input, "base64 keeps the bytes");
  for (const std::size_t limit : {std::size_t{3}, std::size_t{16}, std::size_t{1024}}) {
    const std::string shown = Printable(input, limit);
    Promise(shown.size() <= limit && IsValidUtf8(shown), "a text for people is UTF-8 and no longer than asked");
    Promise(Printable(shown, limit) == shown, "a text for people stays as it is");
  }
  if (const auto key = controllers::ParsePublicKey(input); key)
    Promise(*controllers::ParsePublicKey(*key) == *key, "a public key that was written is read as the same");
}

}  // namespace fuzz
