#pragma once

#include <utility>

#include "tests/support/client_wrapper.h"

/// For tests of rule 19: a process that dies at any of its writes.
namespace tests {

/// The end of the process. No std::exception, so nothing of the engine stops it.
struct Killed {};

/// Counts the points at which a process can die, and dies at one of them.
struct KillSwitch {
  void Point() {
    if (is_armed && points++ == at) throw Killed{};
  }
  /// Dies before or after a write.
  template <class Write>
  auto Around(const Write& write) {
    Point();
    auto written = write();
    Point();
    return written;
  }

  bool is_armed = false;
  int at = -1;  ///< Negative: never.
  int points = 0;
};

/// Dies before or after a write.
class KillingClient final : public ClientWrapper {
 public:
  KillingClient(Client& client, KillSwitch& kill) : ClientWrapper(client), kill_(kill) {}

  api::Expected<reconciler::Written> Create(api::Object object, const reconciler::WriteOptions& options) override {
    return kill_.Around([&] { return ClientWrapper::Create(std::move(object), options); });
  }
  api::Expected<reconciler::Written> Update(api::Object object, const reconciler::WriteOptions& options) override {
    return kill_.Around([&] { return ClientWrapper::Update(std::move(object), options); });
  }
  api::Expected<reconciler::Written> UpdateStatus(api::Object object,
                                                  const reconciler::WriteOptions& options) override {
    return kill_.Around([&] { return ClientWrapper::UpdateStatus(std::move(object), options); });
  }
  api::Expected<reconciler::Written> Patch(const api::ObjectKey& key, const reconciler::PatchDocument& patch,
                                           const reconciler::WriteOptions& options) override {
    return kill_.Around([&] { return ClientWrapper::Patch(key, patch, options); });
  }
  api::Expected<reconciler::Written> Delete(const api::ObjectKey& key,
                                            const reconciler::DeleteOptions& options) override {
    return kill_.Around([&] { return ClientWrapper::Delete(key, options); });
  }

 private:
  KillSwitch& kill_;
};

}  // namespace tests
