// heroctl's commands that change something.

#include <filesystem>
#include <fstream>
#include <future>
#include <string>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "reconciler/approvals.h"
#include "reconciler/builtin_kinds.h"
#include "tests/cmd/desk.h"
#include "tests/support/temp_dir.h"

using namespace tests;
using namespace std::chrono_literals;
using api::Json;

namespace {

const std::string kSlots = "/apis/hero.dev/v1/namespaces/default/slots";

std::string Slot(const std::string& name, const std::string& spec = "{size: 1}") {
  return "apiVersion: hero.dev/v1\nkind: Slot\nmetadata: {name: " + name + "}\nspec: " + spec + "\n";
}

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string Read(Desk& desk, const std::string& path, std::initializer_list<std::string_view> at) {
  return TextAt(JsonOf(desk.api.api().Ask("GET", path)), at);
}

}  // namespace

TEST_CASE("[CTL] apply of a file: created, unchanged, configured, for each object") {
  Desk desk;
  TempDir dir;
  const std::string path = dir / "team.yaml";
  Write(path, Slot("a") + "---\n" + Slot("b"));
  CHECK(desk.Type({"apply", "-f", path}) == 0);
  CHECK(desk.out == "slot.hero.dev/a created\nslot.hero.dev/b created\n");
  Write(path, Slot("a") + "---\n" + Slot("b", "{size: 2}"));
  CHECK(desk.Type({"apply", "-f", path}) == 0);
  CHECK(desk.out == "slot.hero.dev/a unchanged\nslot.hero.dev/b configured\n");
  CHECK(desk.err == "");
  CHECK(Read(desk, kSlots + "/b", {"spec", "size"}) == "2");
}

TEST_CASE("[CTL] apply of three documents of which one is bad: which one, why, and what was applied") {
  Desk desk;
  TempDir dir;
  const std::string path = dir / "team.yaml";
  struct Row {
    const char* name;
    std::string bad;
    std::string said;  ///< After the place.
  };
  const Row rows[] = {
      {"no YAML", "apiVersion: hero.dev/v1\nkind: Slot\nmetadata: {name: x\n", path + ":"},
      {"no name", "apiVersion: hero.dev/v1\nkind: Slot\n", "metadata.name is missing"},
      {"no such kind", "apiVersion: hero.dev/v1\nkind: Slit\nmetadata: {name: x}\n",
       "the server has no kind \"Slit\" in \"hero.dev/v1\"; see heroctl kinds"},
      {"a value out of bounds", Slot("x", "{size: 99}"),
       "Slot.hero.dev \"x\" is invalid: spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10"},
      {"a field that there is not", Slot("x", "{sise: 9}"),
       "Slot in version \"v1\" cannot be handled as a Slot: strict decoding error: unknown field \"spec.sise\""},
      {"a name that cannot be", Slot("X_y"),
       "Slot.hero.dev \"X_y\" is invalid: metadata.name: Invalid value: \"X_y\": a lowercase RFC 1123 subdomain"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Write(path, Slot("a") + "---\n# The second.\n" + row.bad + "---\n" + Slot("c"));
    CHECK(desk.Type({"apply", "-f", path}) == 1);
    CAPTURE(desk.err);
    CHECK(desk.out.find("slot.hero.dev/a ") != std::string::npos);
    CHECK(desk.out.find("slot.hero.dev/c ") != std::string::npos);
    CHECK(desk.err.find(path + ", document 2 (line 7): " + row.said) != std::string::npos);
    CHECK(desk.err.ends_with(
        "error: 1 of 3 objects could not be applied, 2 were; mend what is named above and apply again\n"));
    CHECK(desk.api.api().Ask("GET", kSlots + "/x").status == 404);
  }
}

TEST_CASE("[CTL] apply reads folders by name, folders in folders when told to, and standard input") {
  Desk desk;
  TempDir dir;
  std::filesystem::create_directories(dir / "in/deep");
  Write(dir / "in/2.yml", Slot("two"));
  Write(dir / "in/1.json", R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"one"}})");
  Write(dir / "in/notes.txt", "nothing");
  Write(dir / "in/deep/3.yaml", Slot("three"));
  CHECK(desk.Type({"apply", "-f", dir / "in"}) == 0);
  CHECK(desk.out == "slot.hero.dev/one created\nslot.hero.dev/two created\n");
  CHECK(desk.Type({"apply", "-R", "-f", dir / "in"}) == 0);
  CHECK(desk.out == "slot.hero.dev/one unchanged\nslot.hero.dev/two unchanged\nslot.hero.dev/three created\n");
  desk.in = Slot("four");
  CHECK(desk.Type({"apply", "-f", "-", "-n", "alice_x"}) == 0);
  CHECK(desk.out == "slot.hero.dev/four created\n");
  CHECK(desk.api.api().Ask("GET", "/apis/hero.dev/v1/namespaces/alice-x/slots/four").status == 200);
}

TEST_CASE("[CTL] what get prints can be applied: once to be remembered, then nothing changes") {
  Desk desk;
  for (const char* name : {"a", "b"}) desk.CreateSlot(name);
  struct Row {
    const char* output;
    const char* applied;
  };
  const Row rows[] = {{"yaml", "slot.hero.dev/a configured\nslot.hero.dev/b configured\n"},
                      {"json", "slot.hero.dev/a unchanged\nslot.hero.dev/b unchanged\n"}};
  for (const Row& row : rows) {
    REQUIRE(desk.Type({"get", "slots", "-o", row.output}) == 0);
    desk.in = desk.out;
    CHECK(desk.Type({"apply", "-f", "-"}) == 0);
    CHECK(desk.out == row.applied);
  }
}

TEST_CASE("[CTL] apply of what cannot be read says what and why, and does the rest") {
  Desk desk;
  TempDir dir;
  std::filesystem::create_directories(dir / "empty");
  Write(dir / "a.yaml", Slot("a"));
  CHECK(desk.Type({"apply", "-f", dir / "none.yaml", "-f", dir / "empty", "-f", dir / "a.yaml"}) == 1);
  CHECK(desk.out == "slot.hero.dev/a created\n");
  CHECK(desk.err ==
        "error: cannot read " + (dir / "none.yaml") + ": No such file or directory\n" + "error: cannot read " +
            (dir / "empty") +
            ": it has no .yaml, .yml or .json file; -R looks into its folders too\n"
            "error: 2 of 3 objects could not be applied, 1 was; mend what is named above and apply again\n");
  CHECK(desk.Type({"apply", "-f", "-"}) == 1);
  CHECK(desk.err == "error: no objects passed: what -f names is empty\n");
  CHECK(desk.Type({"apply"}) == 1);
  CHECK(desk.err.find("--filename is required") != std::string::npos);
}

TEST_CASE("[CTL] apply as a dry run, and with warnings") {
  Desk desk;
  desk.in = Slot("a", "{size: 1, bogus: 1}");
  CHECK(desk.Type({"apply", "-f", "-", "--dry-run=server", "--validate=warn"}) == 0);
  CHECK(desk.out == "slot.hero.dev/a created (server dry run)\n");
  CHECK(desk.err == "Warning: standard input, document 1 (line 1): unknown field \"spec.bogus\"\n");
  CHECK(desk.api.api().Ask("GET", kSlots + "/a").status == 404);
  CHECK(desk.Type({"apply", "-f", "-", "--validate=ignore"}) == 0);
  CHECK(desk.err == "");
  CHECK(desk.Type({"apply", "-f", "-", "--dry-run=client"}) == 1);
}

TEST_CASE("[CTL] delete: what is gone is gone, what is not there is an error or none") {
  Desk desk;
  for (const char* name : {"a", "b", "c"}) desk.CreateSlot(name);
  CHECK(desk.Type({"delete", "slot", "a", "x", "b"}) == 1);
  CHECK(desk.out == "slot.hero.dev/a deleted\nslot.hero.dev/b deleted\n");
  CHECK(desk.err == "Error from server (NotFound): slots.hero.dev \"x\" not found\n");
  CHECK(desk.Type({"delete", "slot", "x", "--ignore-not-found"}) == 0);
  CHECK(desk.Type({"delete", "slots", "--all", "--dry-run=server"}) == 0);
  CHECK(desk.out == "slot.hero.dev/c deleted (server dry run)\n");
  CHECK(desk.api.api().Ask("GET", kSlots + "/c").status == 200);
  CHECK(desk.Type({"delete", "slots"}) == 1);
  CHECK(desk.err == "error: which slots? Give names, --all or -l\n");
  CHECK(desk.Type({"delete", "slots", "-l", "name=c"}) == 0);
  CHECK(desk.Type({"delete", "slots", "--all"}) == 0);
  CHECK(desk.err == "No resources found.\n");
}

TEST_CASE("[CTL] delete -f takes the objects that a file names") {
  Desk desk;
  desk.CreateSlot("a");
  desk.in = Slot("a") + "---\nkind: Slot\n---\napiVersion: v1\nkind: Other\nmetadata: {name: x}\n";
  CHECK(desk.Type({"delete", "-f", "-"}) == 1);
  CHECK(desk.out == "slot.hero.dev/a deleted\n");
  CHECK(desk.err ==
        "error: standard input, document 2 (line 6): apiVersion is missing\n"
        "error: standard input, document 3 (line 8): the server has no kind \"Other\"; see heroctl kinds\n");
  CHECK(desk.Type({"delete", "slot", "a", "-f", "-"}) == 1);
}

namespace {

void CreateHeld(Desk& desk, const std::string& name) {
  REQUIRE(desk.api.api()
              .Ask("POST", kSlots,
                   R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + name +
                       R"(","finalizers":["hero.dev/keep"]}})")
              .status == 201);
}

}  // namespace

TEST_CASE("[CTL] delete waits for finalizers for a while, or does not") {
  Desk desk;
  CreateHeld(desk, "a");
  CHECK(desk.Type({"delete", "slot", "a", "--wait=false"}) == 0);
  CHECK(desk.out == "slot.hero.dev/a is being deleted\n");
  CHECK(desk.Type({"delete", "slot", "a", "--timeout=0s"}) == 1);
  CHECK(desk.err == "error: timed out waiting for the deletion on slots.hero.dev/default/a\n");
}

TEST_CASE("[CTL] delete returns when the last finalizer has gone") {
  Desk desk;
  CreateHeld(desk, "a");
  auto watch = desk.api.api().registry.OpenWatch("slots.hero.dev", {1});
  REQUIRE(watch);
  auto deleting = std::async(std::launch::async, [&] { return desk.Type({"delete", "slot", "a"}); });
  const auto marked = (*watch)->Next(20s, {});
  REQUIRE((marked && *marked && (*marked)->object->is_deleting));
  REQUIRE(desk.api.api()
              .Ask("PATCH", kSlots + "/a", R"({"metadata":{"finalizers":null}})",
                   {{"content-type", "application/merge-patch+json"}})
              .status == 200);
  CHECK(deleting.get() == 0);
  CHECK(desk.out == "slot.hero.dev/a deleted\n");
}

TEST_CASE("[CTL] events: of everything in the order of time, of one object, of one type") {
  Desk desk;
  const auto event = [&](const std::string& name, const std::string& about, const std::string& type,
                         const std::string& last, int count) {
    const Json json =
        Json::Of({{"metadata", Json::Of({{"name", name}})},
                  {"involvedObject", Json::Of({{"kind", "User"}, {"apiVersion", "hero.dev/v1"}, {"name", about}})},
                  {"type", type},
                  {"reason", "Did"},
                  {"message", "for " + about},
                  {"lastTimestamp", last},
                  {"count", count}});
    REQUIRE(desk.api.api().Ask("POST", "/api/v1/namespaces/default/events", api::codec::WriteJson(json)).status == 201);
  };
  CHECK(desk.Type({"events"}) == 0);
  CHECK(desk.err == "No events found.\n");
  event("e1", "bob-x", "Warning", "2026-11-20T20:58:50Z", 3);
  event("e2", "alice", "Normal", "2026-11-20T20:58:41Z", 1);
  CHECK(desk.Type({"events"}) == 0);
  CHECK(desk.out ==
        "LAST SEEN   TYPE      REASON   OBJECT       MESSAGE\n"
        "10s         Normal    Did      user/alice   for alice\n"
        "1s (x3)     Warning   Did      user/bob-x   for bob-x\n");
  CHECK(desk.Type({"events", "--for", "user/bob_x", "--no-headers"}) == 0);
  CHECK(desk.out == "1s (x3)   Warning   Did   user/bob-x   for bob-x\n");
  CHECK(desk.Type({"events", "--types=Normal", "-o", "name"}) == 0);
  CHECK(desk.out == "event/e2\n");
  CHECK(desk.Type({"events", "--for", "user/nobody", "-o", "json"}) == 0);
  CHECK(JsonOf({.body = desk.out}).Find("items")->size() == 0);
  CHECK(desk.Type({"events", "--types=Bad"}) == 1);
  CHECK(desk.err == "error: --types is Normal, Warning, or both with a comma, not \"Bad\"\n");
  CHECK(desk.Type({"events", "--for", "user"}) == 1);
  CHECK(desk.err == "error: --for is KIND/NAME, not \"user\"\n");
}

TEST_CASE("[CTL] reconcile leaves a wish on the object, and waits until it was handled") {
  Desk desk;
  desk.CreateUser("alice");
  const std::string path = "/apis/hero.dev/v1/users/alice";
  CHECK(desk.Type({"reconcile", "user", "alice"}) == 0);
  CHECK(desk.out == "user.hero.dev/alice reconcile requested\n");
  const std::string now = "2026-11-20T20:58:51.000000Z";
  CHECK(Read(desk, path, {"metadata", "annotations", "hero.dev/reconcile-requested-at"}) == now);
  const auto handle = [&](const std::string& value) {
    REQUIRE(desk.api.api()
                .Ask("PATCH", path + "/status", R"({"status":{"handled":{"reconcile-requested-at":")" + value + "\"}}}",
                     {{"content-type", "application/merge-patch+json"}})
                .status == 200);
  };
  handle("2026-11-20T20:00:00.000000Z");  // An earlier wish.
  CHECK(desk.Type({"reconcile", "user/alice", "--wait", "--timeout=0s"}) == 1);
  handle(now);
  CHECK(desk.Type({"reconcile", "user/alice", "--wait"}) == 0);
  CHECK(desk.out == "user.hero.dev/alice reconcile requested\nuser.hero.dev/alice reconciled\n");
  for (const char* until : {"", ",\"until\":\"2026-11-20T20:58:52Z\""}) {
    CAPTURE(until);
    REQUIRE(desk.api.api()
                .Ask("PATCH", path, R"({"spec":{"suspend":{"actor":"root")" + std::string(until) + "}}}",
                     {{"content-type", "application/merge-patch+json"}})
                .status == 200);
    CHECK(desk.Type({"reconcile", "user/alice", "--wait"}) == 1);  // At once, for nothing would come.
    CHECK(desk.err == "error: user.hero.dev/alice is suspended and not looked at; see heroctl resume\n");
  }
  desk.api.api().clock.Advance(2s);  // Then its time is over.
  handle("2026-11-20T20:58:53.000000Z");
  CHECK(desk.Type({"reconcile", "user/alice", "--wait"}) == 0);
  CHECK(desk.Type({"reconcile", "user", "nobody"}) == 1);
  CHECK(desk.err == "Error from server (NotFound): users.hero.dev \"nobody\" not found\n");
}

TEST_CASE("[CTL] suspend says why, who and until when; resume takes it away") {
  Desk desk;
  desk.CreateUser("alice");
  const std::string path = "/apis/hero.dev/v1/users/alice";
  CHECK(desk.Type({"suspend", "user", "alice", "--reason", "moving", "--for", "2h"}) == 0);
  CHECK(desk.out == "user.hero.dev/alice suspended until 2026-11-20T22:58:51Z\n");
  CHECK(Read(desk, path, {"spec", "suspend"}) ==
        R"({"actor":"driver","reason":"moving","until":"2026-11-20T22:58:51Z"})");
  CHECK(desk.Type({"suspend", "user", "alice"}) == 0);
  CHECK(desk.out == "user.hero.dev/alice suspended\n");
  CHECK(Read(desk, path, {"spec", "suspend"}) == R"({"actor":"driver"})");
  CHECK(desk.Type({"resume", "user", "alice"}) == 0);
  CHECK(desk.out == "user.hero.dev/alice resumed\n");
  CHECK(Read(desk, path, {"spec", "suspend"}) == "(none)");
  CHECK(desk.Type({"resume", "user", "alice"}) == 0);
  CHECK(desk.out == "user.hero.dev/alice was not suspended\n");
  CHECK(desk.Type({"suspend", "user", "alice", "--for", "soon"}) == 1);
  CHECK(desk.err.starts_with("error: --for: "));
  desk.CreateSlot("s");  // A kind without spec.suspend must not look suspended.
  CHECK(desk.Type({"suspend", "slot", "s"}) == 1);
  CHECK(desk.err == "error: slots.hero.dev/default/s cannot be suspended: its kind has no spec.suspend\n");
}

namespace {

/// A desk at a box that has approvals.
struct ApprovalDesk : Desk {
  ApprovalDesk() {
    for (api::schema::Kind& kind : reconciler::BuiltinKinds())
      if (kind.plural == "approvals") REQUIRE(api.api().catalog.Add(std::move(kind)));
  }

  void Hold(const std::string& hash) {
    REQUIRE(api.api()
                .Ask("POST", kPath,
                     R"({"apiVersion":"hero.dev/v1","kind":"Approval","metadata":{"name":")" + hash +
                         R"("},"spec":{"object":"Team team","reason":"2 removals","steps":[)"
                         R"({"verb":"remove","target":"user bob","reason":"users/bob.toml is gone"}]}})")
                .status == 201);
  }
  std::string IsApproved(const std::string& hash) { return Read(*this, kPath + "/" + hash, {"spec", "approved"}); }

  const std::string kPath = "/apis/hero.dev/v1/approvals";
  const std::string first = "aaaaaaaa" + std::string(56, '1');
  const std::string second = "aaaaaaaa" + std::string(56, '2');
};

}  // namespace

TEST_CASE("[CTL] approve takes the beginning of a hash, if it is of one question alone") {
  ApprovalDesk desk;
  desk.Hold(desk.first);
  CHECK(desk.Type({"approve", "AAAAAAAA"}) == 0);
  CHECK(desk.out == "approval.hero.dev/" + desk.first + " approved\n  remove user bob: users/bob.toml is gone\n");
  CHECK(desk.IsApproved(desk.first) == "true");
  CHECK(desk.Type({"approve", "aaaaaaaa1"}) == 0);
  CHECK(desk.out.starts_with("approval.hero.dev/" + desk.first + " was approved before\n"));
  desk.Hold(desk.second);
  CHECK(desk.Type({"approve", "aaaaaaaa"}) == 1);
  CHECK(desk.err == "error: 2 hashes begin with aaaaaaaa; give more digits, see heroctl get approvals\n");
  CHECK(desk.IsApproved(desk.second) == "false");
}

TEST_CASE("[CTL] approve before the question is there takes the whole hash") {
  ApprovalDesk desk;
  CHECK(desk.Type({"approve", "aaaaaaaa"}) == 1);
  CHECK(
      desk.err ==
      "error: no held steps have a hash that begins with aaaaaaaa; see heroctl get approvals. Before they are held, all "
      "64 digits are needed\n");
  CHECK(desk.Type({"approve", desk.first}) == 0);
  CHECK(desk.out == "approval.hero.dev/" + desk.first + " approved; no steps with that hash wait yet\n");
  CHECK(desk.IsApproved(desk.first) == "true");
  for (const char* wrong : {"aaaaaaa", "nothexad", ""}) {
    CAPTURE(wrong);
    CHECK(desk.Type({"approve", wrong}) == 1);
  }
  CHECK(desk.Type({"approve", desk.first + "0"}) == 1);
  CHECK(desk.err.find("is no hash of held steps: 8 to 64 digits of 0-9 and a-f") != std::string::npos);
}

TEST_CASE("[CTL] why and get queue ask the engine") {
  Desk desk;
  desk.CreateUser("alice");
  CHECK(desk.Type({"why", "user", "alice"}) == 0);
  CHECK(desk.err == "No passes are known: none since herod began, or too long ago.\n");
  desk.api.api().history = {{.controller = "user",
                             .began = desk.api.api().clock.Now(),
                             .took = 2ms,
                             .causes = {"spec changed"},
                             .outcome = "done"}};
  CHECK(desk.Type({"why", "user/alice"}) == 0);
  CHECK(desk.out == "2026-11-20T20:58:51.000000Z (0s ago)  user: done in 2ms\n  woken by spec changed\n");
  CHECK(desk.api.api().asked_why == api::ObjectKey{"users.hero.dev", "", "alice"});
  CHECK(desk.Type({"why", "slot", "a_b", "-n", "alice_x", "-o", "json"}) == 0);
  CHECK(desk.api.api().asked_why == api::ObjectKey{"slots.hero.dev", "alice-x", "a-b"});
  CHECK(TextAt(JsonOf({.body = desk.out}), {"kind"}) == "History");
  CHECK(desk.Type({"why", "users"}) == 1);
  CHECK(desk.err == "error: why takes one object: heroctl why KIND NAME\n");

  CHECK(desk.Type({"get", "queue"}) == 0);
  CHECK(desk.err == "Nothing is queued.\n");
  desk.api.api().queues = {{.controller = "user", .keys = {{.request = {"", "alice"}, .age = 2s}}}};
  CHECK(desk.Type({"get", "queue", "--no-headers"}) == 0);
  CHECK(desk.out == "user   alice   ready   normal   2s   <none>   0\n");
  CHECK(desk.Type({"get", "queue", "-o", "jsonpath={.controllers[0].keys[0].object}"}) == 0);
  CHECK(desk.out == "alice");
  CHECK(desk.Type({"get", "queue", "-w"}) == 1);
}

TEST_CASE("[CTL] kinds shows what there is, by short names too") {
  Desk desk;
  CHECK(desk.Type({"kinds"}) == 0);
  CHECK(desk.out ==
        "NAME     SHORT    APIVERSION    NAMESPACED   KIND\n"
        "events   ev       v1            true         Event\n"
        "slots    sl       hero.dev/v1   true         Slot\n"
        "users    <none>   hero.dev/v1   false        User\n");
  CHECK(desk.Type({"kinds", "-o", "name"}) == 0);
  CHECK(desk.out == "events\nslots\nusers\n");
}

TEST_CASE("[SEC-01][CTL] --as asks as that member, who then may only read") {
  Desk desk;
  desk.CreateUser("alice");
  const client::Transport transport({.socket_path = desk.api.box.served.path(), .act_as = "jo"}, desk.api.clock);
  client::WireClient as_jo(transport);
  CHECK(as_jo.Get({"users.hero.dev", "", "alice"}));
  const auto refused = as_jo.Delete({"users.hero.dev", "", "alice"}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == api::Code::kForbidden);
  CHECK(refused.error().message.find("User \"jo\" cannot delete") != std::string::npos);
}

TEST_CASE("[SEC-01][CTL] --as takes no name that could be more than a name") {
  Desk desk;
  for (const char* name : {"jo\r\nX-Other: 1", "", "a b"}) {
    CAPTURE(name);
    CHECK(desk.Type({"--as", name, "get", "users"}) == 1);
    CHECK(desk.err.find("--as") != std::string::npos);
  }
}
