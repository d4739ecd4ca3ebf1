#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/codec/object.h"
#include "tests/simulation/sim_world.h"
#include "tests/support/client_wrapper.h"

namespace tests {

/// A watch that may fall silent, come late or break off, as one over a network does. What it delivers goes into the
/// ledger.
class SimWatch final : public reconciler::Watch {
 public:
  SimWatch(SimWorld& world, std::string resource, std::unique_ptr<reconciler::Watch> watch)
      : world_(world), resource_(std::move(resource)), watch_(std::move(watch)) {}
  ~SimWatch() override { shared_->notify = {}; }

  api::Expected<std::optional<reconciler::Event>> Next(std::chrono::milliseconds wait, std::stop_token stop) override;
  void SetNotify(std::function<void()> notify) override {
    shared_->notify = notify;
    watch_->SetNotify(std::move(notify));
  }

 private:
  struct Shared {
    std::function<void()> notify{};  // Empty: nobody wants to hear.
    bool is_telling = false;         // One that tells later is enough: else each that tells begets others.
  };
  void TellLater();

  SimWorld& world_;
  const std::string resource_;
  const std::unique_ptr<reconciler::Watch> watch_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();  // With those who tell later.
  std::int64_t newest_ = 0;
  bool is_lost_ = false;
  bool is_dead_ = false;  // Says nothing ever again, and nobody is told.
};

/// The API as everybody sees it: writes that are refused or whose answer is lost, and a witness of all that is shown.
class SimClient final : public ClientWrapper {
 public:
  SimClient(reconciler::Client& client, SimWorld& world) : ClientWrapper(client), world_(world) {}

  api::Expected<reconciler::SnapshotPtr> Get(const api::ObjectKey& key) const override {
    world_.fibers.Yield();
    auto snapshot = ClientWrapper::Get(key);
    if (snapshot) world_.ledger.Saw(*snapshot);
    return snapshot;
  }
  api::Expected<reconciler::ObjectList> List(std::string_view resource, std::string_view namespace_) const override {
    auto list = ClientWrapper::List(resource, namespace_);
    if (!list) return list;
    world_.ledger.SawRevision(list->revision);
    for (const reconciler::SnapshotPtr& snapshot : list->items) world_.ledger.Saw(snapshot);
    return list;
  }
  api::Expected<std::unique_ptr<reconciler::Watch>> OpenWatch(std::string_view resource,
                                                              api::ResourceVersion from) override {
    auto watch = ClientWrapper::OpenWatch(resource, from);
    if (!watch) return watch;
    return std::unique_ptr<reconciler::Watch>(new SimWatch(world_, std::string(resource), *std::move(watch)));
  }
  api::Expected<reconciler::Written> Create(api::Object object, const reconciler::WriteOptions& options) override {
    return Write("create", options.actor, [&] { return ClientWrapper::Create(std::move(object), options); });
  }
  api::Expected<reconciler::Written> Update(api::Object object, const reconciler::WriteOptions& options) override {
    return Write("update", options.actor, [&] { return ClientWrapper::Update(std::move(object), options); });
  }
  api::Expected<reconciler::Written> UpdateStatus(api::Object object,
                                                  const reconciler::WriteOptions& options) override {
    return Write("status", options.actor, [&] {
      auto written = ClientWrapper::UpdateStatus(std::move(object), options);
      if (written) CheckStatus(*written->object);
      return written;
    });
  }
  api::Expected<reconciler::Written> Patch(const api::ObjectKey& key, const reconciler::PatchDocument& patch,
                                           const reconciler::WriteOptions& options) override {
    return Write("patch", options.actor, [&] { return ClientWrapper::Patch(key, patch, options); });
  }
  api::Expected<reconciler::Written> Delete(const api::ObjectKey& key,
                                            const reconciler::DeleteOptions& options) override {
    return Write("delete", options.actor, [&] {
      CheckDelete(key, options);
      return ClientWrapper::Delete(key, options);
    });
  }

 private:
  template <class Call>
  api::Expected<reconciler::Written> Write(const char* verb, const std::string& actor, const Call& call) {
    Fibers& fibers = world_.fibers;
    fibers.Yield();
    if (fibers.Chance(world_.faults.api_fails_one_in))
      return api::Error{api::Code::kUnavailable, "ApiFailed", "the API did not answer"};
    auto written = call();
    const bool goes_on = std::exchange(goes_on_, false);
    Note(verb, actor, written);
    fibers.Yield();
    if (fibers.Chance(world_.faults.api_fails_one_in))
      return api::Error{api::Code::kTimeout, "AnswerLost", "nobody knows what became of it"};
    if (written && written->object && !goes_on) {
      std::int64_t& newest = world_.own_writes[actor + " " + ToString(written->object->key)];
      newest = std::max(newest, written->object->resource_version.value);
    }
    return written;
  }

  void Note(const char* verb, const std::string& actor, const api::Expected<reconciler::Written>& written);
  void CheckApproval(const std::string& actor, const reconciler::Snapshot& written);
  void CheckStatus(const reconciler::Snapshot& written);
  void CheckDelete(const api::ObjectKey& key, const reconciler::DeleteOptions& options);

  SimWorld& world_;
  bool goes_on_ = false;  // The status that was just written acknowledges a wish in the middle of a pass.
};

}  // namespace tests
