#include "client/describe.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"

using namespace client;
using api::Json;

namespace {

const api::Time kNow{std::chrono::seconds(1'795'208'331)};  // 2026-11-20T20:58:51Z

Json Parse(const char* text) { return *api::codec::ParseJson(text); }

}  // namespace

TEST_CASE("[CTL] describe shows metadata, spec, status, conditions and events") {
  const Json user = Parse(
      R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":"alice","creationTimestamp":"2026-11-20T20:56:51Z",)"
      R"("labels":{"hero.dev/team":"core"},"finalizers":["hero.dev/user"],"uid":"u1"},)"
      R"("spec":{"displayName":"Alice","sshPubkeys":["ssh-ed25519 A","ssh-ed25519 B"],"limits":{"cpu":2.0},"groups":[]},)"
      R"("status":{"uid":1001,"conditions":[{"type":"Ready","status":"True","reason":"Reconciled","message":"all is well",)"
      R"("lastTransitionTime":"2026-11-20T20:57:51Z"}]}})");
  const std::vector<Json> events{
      Parse(
          R"({"type":"Warning","reason":"Second","message":"b","count":3,"lastTimestamp":"2026-11-20T20:58:41Z","source":{"component":"user"}})"),
      Parse(
          R"({"type":"Normal","reason":"First","message":"a","count":1,"lastTimestamp":"2026-11-20T20:57:51Z","source":{"component":"user"}})")};
  CHECK(Describe(user, events, kNow) ==
        "Name:         alice\n"
        "Kind:         User (hero.dev/v1)\n"
        "Created:      2m ago\n"
        "Labels:\n"
        "  hero.dev/team:  core\n"
        "Annotations:  <none>\n"
        "Finalizers:\n"
        "  hero.dev/user\n"
        "Spec:\n"
        "  Display Name:  Alice\n"
        "  Groups:  <none>\n"
        "  Limits:\n"
        "    Cpu:  2.0\n"
        "  Ssh Pubkeys:\n"
        "    ssh-ed25519 A\n"
        "    ssh-ed25519 B\n"
        "Status:\n"
        "  Uid:  1001\n"
        "Conditions:\n"
        "  Type    Status   Reason       Changed   Message\n"
        "  Ready   True     Reconciled   60s       all is well\n"
        "Events:\n"
        "  Type      Reason   Age        From   Message\n"
        "  Normal    First    60s        user   a\n"
        "  Warning   Second   10s (x3)   user   b\n");
}

TEST_CASE("[CTL] events of one second stand in the order in which they were written") {
  std::vector<Json> events;
  for (const char* version : {"10", "9", "100"})
    events.push_back(Parse(
        (R"({"lastTimestamp":"2026-11-20T20:58:41Z","metadata":{"resourceVersion":")" + std::string(version) + "\"}}")
            .c_str()));
  events.push_back(Parse(R"({"lastTimestamp":"2026-11-20T20:58:40Z","metadata":{"resourceVersion":"200"}})"));
  client::SortEvents(events);
  std::string order;
  for (const Json& event : events) order += event.At({"metadata", "resourceVersion"})->StringOr("") + " ";
  CHECK(order == "200 9 10 100 ");
}

TEST_CASE("[CTL] describe of an almost empty object, and of one that is going") {
  CHECK(Describe(Parse(R"({"metadata":{"name":"x","namespace":"n"}})"), {}, kNow) ==
        "Name:         x\n"
        "Namespace:    n\n"
        "Kind:         <none> (<none>)\n"
        "Created:      <unknown> ago\n"
        "Labels:       <none>\n"
        "Annotations:  <none>\n"
        "Spec:         <none>\n"
        "Status:       <none>\n"
        "Events:       <none>\n");
  CHECK(Describe(Parse(R"({"metadata":{"name":"x","deletionTimestamp":"2026-11-20T20:58:41Z"}})"), {}, kNow)
            .find("Deleting:     since 10s\n") != std::string::npos);
}

TEST_CASE("[CTL] lists of objects are set apart") {
  CHECK(Describe(Parse(R"({"metadata":{"name":"x"},"spec":{"bind":[{"service":"a"},{"service":"b"}]}})"), {}, kNow)
            .find("Spec:\n  Bind:\n    Service:  a\n    ---\n    Service:  b\n") != std::string::npos);
}

TEST_CASE("[SEC-57] describe prints no control characters") {
  const std::string text =
      Describe(Parse(R"({"metadata":{"name":"x"},"spec":{"a\u001b":"b\u001b\nEvents: none"}})"), {}, kNow);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("b??Events: none") != std::string::npos);
}

TEST_CASE("[CTL] an event is about the object with that uid alone") {
  const Json object = Parse(R"({"metadata":{"name":"x","uid":"u1"}})");
  CHECK(IsAbout(Parse(R"({"involvedObject":{"name":"x","uid":"u1"}})"), object));
  CHECK_FALSE(IsAbout(Parse(R"({"involvedObject":{"name":"x","uid":"u0"}})"), object));
  CHECK_FALSE(IsAbout(Parse(R"({"involvedObject":{"name":"x"}})"), object));
}
