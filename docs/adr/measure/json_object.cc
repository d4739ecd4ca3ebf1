// Time to read and to write an object of 2 KB, by api::codec and by RapidJSON alone. For docs/adr/0005. From the top of
// the tree:
//   g++ -std=c++20 -O2 -I. docs/adr/measure/json_object.cc api/meta/{expected,json,object}.cc
//   api/codec/{json,number,text,time,names,object,fields}.cc
//     -lcrypto -o /tmp/json_object && /tmp/json_object
#include <chrono>
#include <cstdio>
#include <string>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "api/v1/user.h"

constexpr int kRounds = 20'000;

template <class Work>
void Measure(const char* what, const Work& work) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto began = std::chrono::steady_clock::now();
    for (int round = 0; round < kRounds; ++round) work();
    best = std::min(best, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count());
  }
  std::printf("%-46s %6.2f us\n", what, best / kRounds);
}

int main() {
  api::v1::User user{.metadata = {.name = "alice"}, .spec = {.name = "alice", .groups = {"developers", "hero"}}};
  user.metadata.labels = {{"team", "slides"}, {"site", "home"}};
  for (int i = 0; i < 13; ++i) user.spec.ssh_pubkeys.push_back("ssh-ed25519 " + std::string(68, 'A') + " alice@laptop");
  const std::string text = api::codec::WriteObject(api::codec::ToObject(user));
  const api::Json json = *api::codec::ParseJson(text);
  const api::Object object = *api::codec::ParseObject(text);
  rapidjson::Document document;
  document.Parse(text.c_str());
  std::printf("the object has %zu bytes\n", text.size());

  Measure("ParseJson (text -> Json)", [&] { (void)api::codec::ParseJson(text); });
  Measure("ParseObject (text -> Json -> Object)", [&] { (void)api::codec::ParseObject(text); });
  Measure("ParseObject + FromObject<User>",
          [&] { (void)api::codec::FromObject<api::v1::User>(*api::codec::ParseObject(text)); });
  Measure("WriteJson (Json -> text)", [&] { (void)api::codec::WriteJson(json); });
  Measure("WriteObject (Object -> Json -> text)", [&] { (void)api::codec::WriteObject(object); });
  Measure("RapidJSON alone, default flags: text -> DOM", [&] {
    rapidjson::Document tree;
    tree.Parse(text.c_str(), text.size());
  });
  Measure("RapidJSON alone: DOM -> text", [&] {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    document.Accept(writer);
  });
}
