#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "api/meta/object.h"
#include "reconciler/controller.h"
#include "tests/support/harness.h"

namespace tests {

struct TextFileSpec {
  std::string path{};
  std::string content{};
  std::string copy_to{};  ///< Not empty: the name of a child TextFile with the same content.

  bool operator==(const TextFileSpec&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("path", self.path);
    field("content", self.content);
    field("copyTo", self.copy_to);
  }
};

struct TextFileStatus {
  std::int64_t size_bytes = 0;

  static void Fields(auto& self, auto&& field) { field("sizeBytes", self.size_bytes); }
};

struct TextFile {
  static constexpr api::KindInfo kInfo{.group = "test.dev", .version = "v1", .kind = "TextFile", .plural = "textfiles"};

  api::ObjectMeta metadata{};
  TextFileSpec spec{};
  TextFileStatus status{};
  api::CommonStatus common{};
};

/// A disk in memory that can be told to fail.
struct FakeFiles {
  std::optional<std::string> Text(const std::string& path) {
    const std::lock_guard lock(mutex);
    const auto found = texts.find(path);
    return found == texts.end() ? std::nullopt : std::optional<std::string>(found->second);
  }
  api::Expected<void> Replace(const std::string& path, const std::string& text) {
    const std::lock_guard lock(mutex);
    ++writes;
    if (failing.contains(path)) return failing.at(path);
    if (!is_lying) texts[path] = text;
    return {};
  }
  api::Expected<void> Remove(const std::string& path) {
    const std::lock_guard lock(mutex);
    ++writes;
    texts.erase(path);
    return {};
  }

  std::mutex mutex;
  // Guarded by mutex.
  std::map<std::string, std::string> texts;
  std::map<std::string, api::Error> failing;  ///< By path.
  bool is_lying = false;                      ///< Says done and does nothing.
  int writes = 0;
};

struct TextFileState {
  std::optional<std::string> content{};
  std::optional<TextFile> child{};
};

/// Keeps a file equal to its spec, and a child equal to itself. Its observe can be told to fail or to throw.
class TextFileController final : public reconciler::Controller<TextFile, TextFileState> {
 public:
  explicit TextFileController(FakeFiles& files) : files_(files) {}

  void Watches(reconciler::Sources& sources) const override { sources.Owns<TextFile>(); }

  api::Expected<TextFileState> Observe(const TextFile& object, const reconciler::Reader& reader) const override {
    if (before_observe) before_observe(object);
    TextFileState state{.content = files_.Text(object.spec.path)};
    if (object.spec.copy_to.empty()) return state;
    auto child = reader.Get<TextFile>(object.spec.copy_to);
    if (child) state.child = *std::move(child);
    return state;
  }

  reconciler::Plan Diff(const TextFile& object, const TextFileState& have, api::Time) const override {
    reconciler::Plan plan;
    const TextFileSpec& want = object.spec;
    if (object.metadata.is_deleting()) {
      if (have.content)
        plan.Then({"remove", want.path, "its object is being deleted"},
                  [&files = files_, path = want.path] { return files.Remove(path); });
      return plan;
    }
    if (have.content != want.content)
      plan.Then({"write", want.path, have.content ? "differs from the spec" : "is missing"},
                [&files = files_, want] { return files.Replace(want.path, want.content); });
    if (!want.copy_to.empty()) {
      const TextFile child{.metadata = {.name = want.copy_to, .owner_references = {reconciler::OwnerOf(object)}},
                           .spec = {.path = want.path + ".copy", .content = want.content}};
      reconciler::Chain chain;
      chain.Put(child, have.child ? &*have.child : nullptr);
      plan.Add(std::move(chain));
    }
    return plan;
  }

  TextFileStatus Report(const TextFile&, const TextFileState& have, const reconciler::Results&) const override {
    return {.size_bytes = have.content ? static_cast<std::int64_t>(have.content->size()) : -1};
  }

  std::function<void(const TextFile&)> before_observe{};  ///< May throw.

 private:
  FakeFiles& files_;
};

inline api::schema::Catalog TextFileCatalog() {
  api::schema::Catalog catalog;
  (void)catalog.Add(api::schema::KindWithoutSchema(TextFile::kInfo));
  return catalog;
}

/// The engine with one TextFile controller.
struct TextFileHarness : Harness {
  TextFileHarness() : Harness(TextFileCatalog()) {
    auto made = std::make_unique<TextFileController>(files);
    controller = made.get();
    manager().Add(std::move(made), {.name = "text-file"});
  }

  void Put(const std::string& name, TextFileSpec spec) {
    Harness::Put(TextFile{.metadata = {.name = name}, .spec = std::move(spec)});
  }
  std::string Ready(const std::string& name) { return ConditionOf<TextFile>(name); }

  FakeFiles files;
  TextFileController* controller = nullptr;
};

}  // namespace tests
