#include "api/v1/kinds.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "api/codec/object.h"
#include "api/codec/yaml.h"
#include "api/meta/names.h"
#include "api/schema/schema.h"
#include "crds/embedded.h"
#include "tests/api/outcome.h"

using namespace api;
using schema::Schema;

namespace {

/// The kind that the embedded definition of that plural declares.
schema::Kind Load(std::string_view plural) {
  for (const crds::EmbeddedFile& file : crds::Files()) {
    if (file.name != "hero.dev_" + std::string(plural) + ".yaml") continue;
    const auto documents = codec::ParseYaml(file.text, file.name);
    REQUIRE(Outcome(documents) == "fine");
    REQUIRE(documents->size() == 1);
    auto kind = schema::KindFromCrd(documents->front());
    REQUIRE(Outcome(kind) == "fine");
    return *std::move(kind);
  }
  REQUIRE_MESSAGE(false, "no definition is embedded for ", std::string(plural));
  return {};
}

using Differences = std::vector<std::string>;

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text.append(line).append("\n");
  return text;
}

/// The engine's own fields stand in every kind's schema and in no kind's struct; CheckAgreement looks at them apart.
bool IsEngineField(const std::string& path) {
  return path == "spec.suspend" || path == "status.observedGeneration" || path == "status.conditions" ||
         path == "status.handled";
}

template <class T>
void CompareFields(const Schema& schema, const std::string& path, Differences& differences);

/// Notes where the schema at `path` and the C++ type T are not about the same values.
template <class T>
void Compare(const Schema* schema, const std::string& path, Differences& differences) {
  using namespace codec;
  const auto want = [&](std::string_view type) {
    if (schema->type() != type) differences.push_back(path + ": is " + std::string(type) + " in C++");
  };
  if (!schema) return differences.push_back(path + ": is in C++ alone");
  if constexpr (detail::kIsOptional<T>) {
    Compare<typename T::value_type>(schema, path, differences);
  } else if constexpr (detail::kIsVector<T>) {
    want("array");
    Compare<typename T::value_type>(schema->items(), path + "[]", differences);
  } else if constexpr (detail::kIsMap<T>) {
    want("object");
    Compare<typename T::mapped_type>(schema->additional_properties(), path + ".*", differences);
  } else if constexpr (HasFields<T>) {
    want("object");
    CompareFields<T>(*schema, path, differences);
  } else {
    constexpr bool kIsNumeric = std::same_as<T, std::int64_t> || std::same_as<T, double>;
    if (std::same_as<T, bool>) want("boolean");
    if (kIsNumeric) want(std::same_as<T, double> ? "number" : "integer");
    if (std::same_as<T, std::string> || std::same_as<T, Time>) want("string");
  }
}

template <class T>
void CompareFields(const Schema& schema, const std::string& path, Differences& differences) {
  std::vector<std::string> names;
  T value{};
  T::Fields(value, [&](std::string_view name, auto& member) {
    names.emplace_back(name);
    Compare<std::remove_reference_t<decltype(member)>>(schema.Property(name), path + "." + std::string(name),
                                                       differences);
  });
  for (const std::string_view declared : schema.PropertyNames()) {
    const std::string inner = path + "." + std::string(declared);
    if (!IsEngineField(inner) && std::find(names.begin(), names.end(), declared) == names.end())
      differences.push_back(inner + ": is in the schema alone");
  }
}

bool IsEmpty(const Json& value) {
  return value == Json(false) || value == Json(0) || value == Json("") ||
         ((value.is_object() || value.is_array()) && value.size() == 0);
}

template <class Kind>
void CheckAgreement() {
  const schema::Kind kind = Load(Kind::kInfo.plural);
  CHECK(kind.group == Kind::kInfo.group);
  CHECK(kind.version == Kind::kInfo.version);
  CHECK(kind.kind == Kind::kInfo.kind);
  CHECK(kind.is_namespaced == Kind::kInfo.is_namespaced);
  CHECK(kind.has_status);
  CHECK(kind.categories == std::vector<std::string>{"hero"});

  Differences differences;
  const Schema& spec = *kind.schema->Property("spec");
  Compare<decltype(Kind::spec)>(&spec, "spec", differences);
  const Schema* status = kind.schema->Property("status");
  Compare<decltype(Kind::status)>(status, "status", differences);
  Compare<std::int64_t>(status->Property("observedGeneration"), "status.observedGeneration", differences);
  Compare<std::vector<Json>>(status->Property("conditions"), "status.conditions", differences);
  Compare<decltype(CommonStatus::handled)>(status->Property("handled"), "status.handled", differences);
  INFO(Joined(differences));
  CHECK(differences.empty());
  CHECK(spec.Property("suspend")->PropertyNames() == std::vector<std::string_view>{"actor", "reason", "until"});

  Json defaulted = Json::EmptyObject();
  spec.ApplyDefaults(defaulted);
  CHECK((*codec::Decode<decltype(Kind::spec)>(defaulted) == decltype(Kind::spec){}));
  const Json in_types = codec::Encode(decltype(Kind::spec){});
  for (const Json::Member& member : *in_types.object()) {
    if (member.key == "source" || IsEmpty(member.value)) continue;
    CAPTURE(member.key);
    const Json* declared = spec.Property(member.key)->default_value();
    REQUIRE(declared);
    CHECK(*declared == member.value);
  }
}

/// `users` of `hero.dev_users.yaml`.
std::string PluralOf(std::string_view file_name) {
  const std::size_t begin = file_name.find('_') + 1;
  return std::string(file_name.substr(begin, file_name.rfind('.') - begin));
}

std::vector<std::string> ListedPlurals() {
  std::vector<std::string> plurals = std::apply(
      [](const auto&... kind) {
        return std::vector<std::string>{std::string(std::decay_t<decltype(kind)>::kInfo.plural)...};
      },
      v1::Kinds());
  std::sort(plurals.begin(), plurals.end());
  return plurals;
}

/// What api/v1 says in its text, so that a kind cannot hide by not being listed.
std::vector<std::string> PluralsInHeaders() {
  constexpr std::string_view kBefore = ".plural = \"";
  std::vector<std::string> plurals;
  for (const auto& entry : std::filesystem::directory_iterator("api/v1")) {
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string header = text.str();
    for (std::size_t at = 0; (at = header.find(kBefore, at)) != std::string::npos;) {
      at += kBefore.size();
      plurals.push_back(header.substr(at, header.find('"', at) - at));
    }
  }
  std::sort(plurals.begin(), plurals.end());
  return plurals;
}

std::vector<std::string> PluralsInFiles() {
  std::vector<std::string> plurals;
  for (const auto& entry : std::filesystem::directory_iterator("crds"))
    if (entry.path().extension() == ".yaml") plurals.push_back(PluralOf(entry.path().filename().string()));
  std::sort(plurals.begin(), plurals.end());
  return plurals;
}

/// What the store says about an object: pruned paths and violations.
std::vector<std::string> Complaints(const schema::Kind& kind, Json body) {
  std::vector<std::string> complaints = kind.schema->Prune(body);
  kind.schema->ApplyDefaults(body);
  for (const Cause& cause : kind.schema->Validate(body)) complaints.push_back(cause.field + ": " + cause.message);
  return complaints;
}

v1::User Alice() {
  v1::User user{.metadata = {.name = "alice"}, .spec = {.name = "alice"}};
  user.spec.ssh_pubkeys = {"ssh-ed25519 AAAA…"};
  user.spec.groups = {"developers", "hero"};
  user.spec.branch_suffix = "alice";
  user.spec.manifest_template = "developer";
  user.spec.display_name = "Alice Example";
  user.spec.email = "alice@example.org";
  user.spec.forge_login = "alice";
  user.spec.claude_org_key = v1::ClaudeOrgKey{.enabled = true, .key_secret_name = "ORG_CLAUDE_KEY_1"};
  user.spec.limits = v1::UserLimits{.memory = "8GiB", .cpu = 2.0, .tasks = 2000, .disk = "50GiB"};
  user.spec.source = {.path = "users/alice.toml", .blob = Repeat("0", 40)};
  return user;
}

}  // namespace

TEST_CASE_TEMPLATE_DEFINE("[API] kinds: type and definition agree in both directions", Kind, agreement) {
  CheckAgreement<Kind>();
}
TEST_CASE_TEMPLATE_APPLY(agreement, v1::Kinds);

TEST_CASE("[API] kinds: the headers, the list of kinds and the definitions name the same") {
  const std::vector<std::string> listed = ListedPlurals();
  CHECK(PluralsInHeaders() == listed);
  CHECK(PluralsInFiles() == listed);
  std::vector<std::string> embedded;
  for (const crds::EmbeddedFile& file : crds::Files()) embedded.push_back(PluralOf(file.name));
  std::sort(embedded.begin(), embedded.end());
  CHECK(embedded == listed);
}

TEST_CASE("[API] kinds: every embedded definition loads, and none shares a name") {
  schema::Catalog catalog;
  for (const crds::EmbeddedFile& file : crds::Files()) {
    CAPTURE(file.name);
    const auto documents = codec::ParseYaml(file.text, file.name);
    REQUIRE(Outcome(documents) == "fine");
    auto kind = schema::KindFromCrd(documents->at(0));
    REQUIRE(Outcome(kind) == "fine");
    for (const std::string& name : kind->short_names) CHECK(catalog.FindTyped(name) == nullptr);
    CHECK(Outcome(catalog.Add(*std::move(kind))) == "fine");
  }
  CHECK(catalog.kinds().size() == crds::Files().size());
}

TEST_CASE("[HTB-02] users: a member as the file shows one is valid, and so is the least of one") {
  const schema::Kind kind = Load("users");
  CHECK(Complaints(kind, codec::ToObject(Alice()).body) == std::vector<std::string>{});
  CHECK(Complaints(kind, codec::ToObject(v1::User{.spec = {.name = "bob"}}).body) == std::vector<std::string>{});
  Json suspended = codec::ToObject(Alice()).body;
  suspended["spec"]["suspend"] = Json::Of({{"reason", "exam"}, {"actor", "carol"}, {"until", "2026-11-20T20:58:51Z"}});
  CHECK(Complaints(kind, suspended) == std::vector<std::string>{});
}

TEST_CASE("[SEC-08] kinds: numbers alone are never deleted, and the definition says why") {
  for (const std::string& plural : ListedPlurals())
    CHECK(Load(plural).never_deleted.empty() == (plural != "uidreservations"));
}

TEST_CASE("[HTB-05] manifesttemplates: a row as the file has it is valid, with what is not said filled in") {
  const schema::Kind kind = Load("manifesttemplates");
  v1::ManifestTemplate developer{.spec = {.role = "developer", .text = "# Text\n"}};
  developer.spec.bind = {{.service = "hero_slides",
                          .repo = "lhumina_code/hero_slides",
                          .branch = "development",
                          .from = "hash",
                          .hash = "a1b2c3d4",
                          .needs = {"hero_proc"},
                          .health = "/healthz",
                          .env = {{"RUST_LOG", "info"}},
                          .args = {"-v"}}};
  CHECK(Complaints(kind, codec::ToObject(developer).body) == std::vector<std::string>{});
  developer.spec.bind.front().from = "source";
  developer.spec.bind.front().service = "../x";
  CHECK(Complaints(kind, codec::ToObject(developer).body).size() == 2);
}

TEST_CASE("[SEC-04] users: names are lower-case words joined by single underscores, 31 characters at most") {
  const schema::Kind kind = Load("users");
  const auto complaints = [&](const std::string& name) {
    return Complaints(kind, codec::ToObject(v1::User{.spec = {.name = name}}).body).size();
  };
  for (const std::string& name : std::vector<std::string>{"a", "test_user", "a1_2b", Repeat("a", 31)})
    CHECK(complaints(name) == 0);
  const std::vector<std::string> bad = {"",    "A",   "1a",     "_a", "a_",  "a__b",
                                        "a-b", "a.b", "a/../b", "é",  "a\n", Repeat("a", 32)};
  for (const std::string& name : bad) {
    CAPTURE(name);
    CHECK(complaints(name) == 1);
    CHECK_FALSE(IsUserName(name));
  }
}

TEST_CASE("[API] teams and repositories: limits of the fields that reach other programs") {
  struct Row {
    const char* plural;
    const char* field;
    Json value;
    int complaints;
  };
  const Row rows[] = {
      {"repositories", "url", "https://forge.example.org/lhumina_code/hero_team.git", 0},
      {"repositories", "url", "file:///srv/hero_team.git", 0},
      {"repositories", "url", "ssh://git@host/x", 1},
      {"repositories", "url", "ext::sh -c true", 1},
      {"repositories", "url", "--upload-pack=x", 1},
      {"teams", "interval", "1h30m", 0},
      {"teams", "interval", "soon", 2},
      {"teams", "branch", "development", 0},
      {"teams", "branch", "", 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.field);
    Json body = Json::Of({{"spec", Json::Of({{"url", "https://x/y"}})}});
    body["spec"][row.field] = row.value;
    CHECK(Complaints(Load(row.plural), body).size() == static_cast<std::size_t>(row.complaints));
  }
}

TEST_CASE("[API] users: what kubectl get shows") {
  const schema::Kind kind = Load("users");
  Object object = codec::ToObject(Alice());
  object.metadata.creation_timestamp = Time();
  object.body["status"] =
      codec::Encode(v1::UserStatus{.uid = 2001, .home = "/home/alice", .keys = 1, .login_enabled = true});
  object.body["status"]["conditions"] =
      Json::Array{codec::ConditionToJson({.type = "Ready", .status = ConditionStatus::kTrue, .reason = "Converged"})};
  CHECK(Complaints(kind, object.body) == std::vector<std::string>{});

  std::vector<std::string> cells;
  cells.reserve(kind.columns.size());
  for (const schema::PrinterColumn& column : kind.columns)
    cells.push_back(column.name + "=" + Cell(column, codec::ObjectToJson(object), Time(std::chrono::minutes(3))));
  CHECK(cells == std::vector<std::string>{"UID=2001", "Login=true", R"(Groups=["developers","hero"])", "Ready=True",
                                          "Reason=Converged", "Age=3m"});
}
