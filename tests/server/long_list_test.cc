// Lists that are made as they are sent.
#include <string>

#include <doctest/doctest.h>

#include "server/list_body.h"
#include "tests/server/raw_client.h"
#include "tests/support/served_box.h"

using namespace server;
using namespace tests;
using namespace std::chrono_literals;

namespace {

constexpr int kSlots = 40;
constexpr std::size_t kBallast = 20'000;  // 800 KB in all: more than is made at once, and than a socket holds.
constexpr const char* kPath = "/apis/hero.dev/v1/slots";

std::string PathOf(int i) { return "/apis/hero.dev/v1/namespaces/default/slots/slot-" + std::to_string(100 + i); }

void Fill(ApiBox& box) {
  for (int i = 0; i < kSlots; ++i) {
    const std::string name = PathOf(i).substr(PathOf(i).rfind('/') + 1);
    REQUIRE(box.Ask("POST", "/apis/hero.dev/v1/namespaces/default/slots",
                    R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + name +
                        R"(","annotations":{"note":")" + std::string(kBallast, 'x') + "\"}}}")
                .status == 201);
  }
}

/// What the list of all has to be, from its objects one by one.
std::string Expected(ApiBox& box) {
  std::string text = R"({"apiVersion":"hero.dev/v1","items":[)";
  for (int i = 0; i < kSlots; ++i) text += (i > 0 ? "," : "") + box.Ask("GET", PathOf(i)).body;
  return text + R"(],"kind":"SlotList","metadata":{"continue":"","resourceVersion":")" + std::to_string(kSlots) +
         "\"}}";
}

std::string Ask(const std::string& method, const std::string& path) {
  return method + " " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

}  // namespace

TEST_CASE("[WIRE] a long list is made in pieces, which are together what a short one would be") {
  ApiBox box;
  Fill(box);
  const Response response = box.Ask("GET", kPath);
  CHECK(response.status == 200);
  CHECK(HeaderOf(response, "Content-Type") == "application/json");
  REQUIRE(response.long_body);
  CHECK(response.body.empty());
  const std::string expected = Expected(box);
  CHECK(response.long_body->size() == expected.size());
  std::string text;
  int pieces = 0;
  while (text.size() < expected.size()) {
    const std::string piece = response.long_body->Next();
    REQUIRE_FALSE(piece.empty());
    CHECK(piece.size() < expected.size() / 3);
    text += piece;
    ++pieces;
  }
  CHECK(text == expected);
  CHECK(pieces >= 4);
  CHECK(response.long_body->size() == expected.size());
}

TEST_CASE("[WIRE] what is listed was so at one moment, whatever is written while it is sent") {
  ApiBox box;
  Fill(box);
  const std::string expected = Expected(box);
  const Response response = box.Ask("GET", kPath);
  REQUIRE(response.long_body);
  std::string text = response.long_body->Next();
  for (const int i : {0, kSlots - 1}) REQUIRE(box.Ask("DELETE", PathOf(i)).status == 200);
  while (text.size() < expected.size()) text += response.long_body->Next();
  CHECK(text == expected);
}

TEST_CASE("[WIRE] a short page and YAML are made at once") {
  ApiBox box;
  Fill(box);
  CHECK_FALSE(box.Ask("GET", std::string(kPath) + "?limit=5").long_body);
  const Response yaml = box.Ask("GET", kPath, "", {{"accept", "application/yaml"}});
  CHECK_FALSE(yaml.long_body);
  CHECK(yaml.body.size() > kSlots * kBallast);
}

TEST_CASE("[WIRE] a long list over the socket says its length, and the connection goes on behind it") {
  ServedBox box;
  Fill(box.api);
  const std::string expected = Expected(box.api);
  const std::string length = "Content-Length: " + std::to_string(expected.size()) + "\r\n";
  RawClient client(box.served.path());
  REQUIRE(client.Send(Ask("HEAD", kPath) + Ask("GET", kPath) + Ask("GET", "/version")));
  REQUIRE(client.ReadUntil("gitVersion"));
  CHECK(client.Statuses() == "200 200 200");
  const std::size_t head_end = client.seen.find("\r\n\r\n") + 4;
  CHECK(client.seen.substr(0, head_end).find(length) != std::string::npos);
  CHECK(client.seen.find("HTTP/1.1", 1) == head_end);  // No body behind HEAD.
  const std::size_t body = client.seen.find("\r\n\r\n", head_end) + 4;
  CHECK(client.seen.substr(head_end, body - head_end).find(length) != std::string::npos);
  CHECK(client.seen.compare(body, expected.size(), expected) == 0);
  CHECK(client.seen.compare(body + expected.size(), 8, "HTTP/1.1") == 0);
}

TEST_CASE("[SEC-54] who does not read a long list is let go, and holds nobody up") {
  ServedBox box({.write_max = 100ms});
  Fill(box.api);
  RawClient stalled(box.served.path());
  REQUIRE(stalled.Send(Ask("GET", kPath)));
  RawClient other(box.served.path());
  REQUIRE(other.Send(Ask("GET", "/version")));
  CHECK(other.ReadUntil("gitVersion"));
  CHECK(stalled.WaitForHangUp());
  CHECK(stalled.ReadToEnd());
  CHECK(stalled.seen.size() < kSlots * kBallast);
}
