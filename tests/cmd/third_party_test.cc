// Somebody else's kind on the real daemon, which is killed and started again in between.
#include <chrono>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "client/wait.h"
#include "tests/cmd/killed_box.h"
#include "tests/support/widget_kind.h"

namespace tests {
namespace {

using api::Json;
using std::chrono::seconds;

struct ThirdParty : KilledBox {
  /// The status of the answer.
  int Post(const std::string& path, const Json& object) const {
    const auto response = transport.Exchange(
        {.method = "POST", .target = path, .content_type = "application/json", .body = api::codec::WriteJson(object)});
    REQUIRE_MESSAGE(response, response.error().message);
    return response->status;
  }
  int Make(const std::string& name, int size) const {
    return Post(kWidgets, Json::Of({{"apiVersion", "shop.example.com/v1"},
                                    {"kind", "Widget"},
                                    {"metadata", Json::Of({{"name", name}})},
                                    {"spec", Json::Of({{"size", size}})}}));
  }
  std::unique_ptr<client::LineStream> Watch(const std::string& from) const {
    auto opened = transport.Open({.target = std::string(kWidgets) + "?watch=1&resourceVersion=" + from});
    REQUIRE_MESSAGE(opened, opened.error().message);
    REQUIRE(opened->lines);
    return std::move(opened->lines);
  }
};

/// `ADDED a`, of the next line of a watch; its version is put into `version`.
std::string Told(client::LineStream& lines, std::string& version) {
  const auto line = lines.Next(seconds(20), {});
  REQUIRE_MESSAGE(line, line.error().message);
  REQUIRE(*line);
  const auto frame = api::codec::ParseJson(**line);
  REQUIRE(frame);
  version = frame->At({"object", "metadata", "resourceVersion"})->StringOr("");
  return frame->Find("type")->StringOr("") + " " + frame->At({"object", "metadata", "name"})->StringOr("");
}

}  // namespace

TEST_CASE("[D-01][HTB-89] a third party's kind is declared, used, watched and deleted, over a kill -9 of the daemon") {
  const ThirdParty box;
  std::string version;
  {
    HerodProcess herod(box.config, box.root);
    REQUIRE(herod.ReadUntil(" started ", 1));
    CHECK(box.Post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", WidgetCrd()) == 201);
    CHECK(box.Make("a", 3) == 201);
    CHECK(box.Make("b", 11) == 422);
    const auto lines = box.Watch("0");
    CHECK(Told(*lines, version) == "ADDED a");
    herod.Kill();
  }
  HerodProcess herod(box.config, box.root);
  REQUIRE(herod.ReadUntil(" started ", 1));
  const auto kept = box.wire.Fetch(std::string(kWidgets) + "/a");
  REQUIRE_MESSAGE(kept, kept.error().message);
  CHECK(*kept->At({"spec", "size"}) == Json(3));
  CHECK(box.Make("b", 11) == 422);
  const auto lines = box.Watch(version);  // Goes on where the other ended.
  CHECK(box.Make("c", 4) == 201);
  CHECK(Told(*lines, version) == "ADDED c");

  const api::ObjectKey definition{"customresourcedefinitions.apiextensions.k8s.io", "", "widgets.shop.example.com"};
  client::WireClient wire(box.transport);
  REQUIRE(wire.Delete(definition, {}));
  const auto gone = client::WaitUntil(wire, {definition}, *client::ParseWaitFor("delete"), seconds(20), box.clock, {},
                                      [](const api::ObjectKey&) {});
  CHECK_MESSAGE(gone, gone.error().message);
  CHECK(Told(*lines, version) == "DELETED a");
  CHECK(Told(*lines, version) == "DELETED c");
  const auto after = box.transport.Exchange({.target = kWidgets});
  REQUIRE(after);
  CHECK(after->status == 404);
}

}  // namespace tests
