// A controller for a kind that is not about boxes: it keeps a file equal to a spec. See the file made, spoilt and
// mended:
//   $ build/bin/text_file /tmp/motd; echo oops > /tmp/motd; build/bin/text_file /tmp/motd
#include <iostream>
#include <memory>
#include <optional>

#include "host/linux/clock.h"
#include "host/linux/entropy.h"
#include "host/linux/files.h"
#include "reconciler/embedded.h"
#include "reconciler/typed.h"

struct TextFileSpec {
  std::string path{};
  std::string content{};
  bool operator==(const TextFileSpec&) const = default;
  static void Fields(auto& self, auto&& field) { field("path", self.path), field("content", self.content); }
};

struct TextFile {
  static constexpr api::KindInfo kInfo{"example.dev", "v1", "TextFile", "textfiles"};
  api::ObjectMeta metadata{};
  TextFileSpec spec{};
  reconciler::NoStatus status{};
  api::CommonStatus common{};
};

using Content = std::optional<std::string>;  // What the file holds; no value: there is none.

class TextFileController final : public reconciler::Controller<TextFile, Content> {
 public:
  api::Expected<Content> Observe(const TextFile& object, const reconciler::Reader&) const override {
    auto text = host::linux::ReadFile(object.spec.path, 1 << 20);
    if (text) return Content(*std::move(text));
    if (text.error().code == api::Code::kNotFound) return Content();
    return text.error();  // What cannot be read is not absent.
  }

  reconciler::Plan Diff(const TextFile& object, const Content& have, api::Time) const override {
    reconciler::Plan plan;
    if (have == object.spec.content) return plan;
    plan.Then({"write", object.spec.path, have ? "differs from the spec" : "is missing"},
              [want = object.spec] { return host::linux::ReplaceFile(want.path, want.content, 0644); });
    return plan;
  }
};

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: text_file FILE\n", 2;
  host::linux::SystemClock clock;
  host::linux::SystemEntropy entropy;
  api::schema::Catalog catalog;
  (void)catalog.Add(api::schema::KindWithoutSchema(TextFile::kInfo));
  auto engine = *reconciler::Embedded::Open({.path = ":memory:"}, std::move(catalog), {clock, entropy});
  engine->manager().Add(std::make_unique<TextFileController>(), {.name = "text-file", .has_finalizer = false});
  (void)reconciler::Put(engine->client(), TextFile{{.name = "motd"}, {argv[1], "welcome\n"}}, {.actor = "example"});
  while (engine->manager().Step()) continue;
  std::cout << reconciler::Get<TextFile>(engine->client(), "motd")->common.Find(api::kReady)->reason << "\n";
}
