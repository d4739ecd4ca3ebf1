// What members may put into their namespaces. The numbers are those of docs/spec/wire.md.
#include <string>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;
using api::Json;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/jo-x/slots";
constexpr const char* kEvents = "/api/v1/namespaces/jo-x/events";
constexpr std::size_t kObjectsMax = 4000;
constexpr std::size_t kMiB = 1u << 20;

std::string Slot(const std::string& name, std::size_t bytes, const std::string& version = "") {
  Json metadata = Json::Of({{"name", name}});
  if (!version.empty()) metadata["resourceVersion"] = version;
  return api::codec::WriteJson(Json::Of(
      {{"apiVersion", "hero.dev/v1"},
       {"kind", "Slot"},
       {"metadata", metadata},
       {"spec",
        Json::Of({{"size", 2}, {"image", "base:1"}, {"labels", Json::Of({{"ballast", std::string(bytes, 'x')}})}})}}));
}

std::string Event(std::size_t number) {
  return R"({"metadata":{"name":"e)" + std::to_string(number) + R"("},"reason":"Flood","type":"Normal"})";
}

struct MemberBox : ApiBox {
  MemberBox() { caller = member; }

  Response AskAsOperator(const std::string& method, const std::string& target, const std::string& body = "") {
    caller = {.name = "driver", .is_operator = true};
    Response response = Ask(method, target, body);
    caller = member;
    return response;
  }

  const Caller member{.uid = 1001, .name = "jo_x"};
};

/// `403 Forbidden: message`
std::string Refusal(const Response& response) {
  const Json json = JsonOf(response);
  return std::to_string(response.status) + " " + TextAt(json, {"reason"}) + ": " + TextAt(json, {"message"});
}

}  // namespace

TEST_CASE("[HTB-78][SEC-46] quota: a member's namespace takes so many objects, of all kinds together") {
  MemberBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("a", 1)).status == 201);
  for (std::size_t i = 1; i < kObjectsMax; ++i) REQUIRE(box.Ask("POST", kEvents, Event(i)).status == 201);
  CHECK(Refusal(box.Ask("POST", kSlots, Slot("b", 1))) ==
        "403 Forbidden: slots.hero.dev \"b\" is forbidden: exceeded quota: jo-x, requested: objects=1, used: "
        "objects=4000, limited: objects=4000");
  CHECK(box.Ask("POST", std::string(kSlots) + "?dryRun=All", Slot("b", 1)).status == 403);
  CHECK(box.Ask("POST", kEvents, Event(kObjectsMax)).status == 403);
  const std::vector<Header> apply{{"content-type", "application/apply-patch+yaml"}};
  CHECK(box.Ask("PATCH", std::string(kSlots) + "/b?fieldManager=jo", Slot("b", 1), apply).status == 403);
  // What is there may change, and go; nobody else is held up, and operators have no quota.
  CHECK(box.Ask("PATCH", std::string(kSlots) + "/a", R"({"spec":{"size":3}})",
                {{"content-type", "application/merge-patch+json"}})
            .status == 200);
  CHECK(box.AskAsOperator("POST", kSlots, Slot("b", 1)).status == 201);
  CHECK(box.AskAsOperator("POST", "/apis/hero.dev/v1/namespaces/sam/slots", Slot("b", 1)).status == 201);
  CHECK(box.Ask("DELETE", std::string(kSlots) + "/b").status == 200);
  CHECK(box.Ask("POST", kSlots, Slot("c", 1)).status == 403);
  CHECK(box.Ask("DELETE", std::string(kEvents) + "/e1").status == 200);
  CHECK(box.Ask("POST", kSlots, Slot("c", 1)).status == 201);
}

TEST_CASE("[HTB-78][SEC-46] quota: and so many bytes, of which an update and a patch count what they add") {
  MemberBox box;
  for (int i = 0; i < 8; ++i)
    REQUIRE(box.Ask("POST", kSlots, Slot("s" + std::to_string(i), 2 * kMiB - 4096)).status == 201);
  const std::string a = std::string(kSlots) + "/s0";
  const std::string refused = Refusal(box.Ask("POST", kSlots, Slot("more", kMiB)));
  CHECK(refused.starts_with(
      "403 Forbidden: slots.hero.dev \"more\" is forbidden: exceeded quota: jo-x, requested: bytes="));
  CHECK(refused.ends_with(", limited: bytes=16777216"));
  const auto version = [&] { return TextAt(JsonOf(box.Ask("GET", a)), {"metadata", "resourceVersion"}); };
  CHECK(box.Ask("PUT", a, Slot("s0", 2 * kMiB + 65536, version())).status == 403);
  CHECK(box.Ask("PUT", a + "?dryRun=All", Slot("s0", 2 * kMiB + 65536, version())).status == 403);
  const std::vector<Header> merge{{"content-type", "application/merge-patch+json"}};
  CHECK(box.Ask("PATCH", a, R"({"spec":{"labels":{"a":")" + std::string(65536, 'y') + "\"}}}", merge).status == 403);
  CHECK(TextAt(JsonOf(box.Ask("GET", a)), {"spec", "labels", "a"}) == "(none)");
  // Less is always taken, and makes room.
  CHECK(box.Ask("PUT", a, Slot("s0", kMiB, version())).status == 200);
  CHECK(box.Ask("POST", kSlots, Slot("more", kMiB / 2)).status == 201);
}
