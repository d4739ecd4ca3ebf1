#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "reconciler/client.h"

namespace tests {

/// Passes everything on; a test's client overrides what is to go wrong.
class ClientWrapper : public reconciler::Client {
 public:
  explicit ClientWrapper(reconciler::Client& client) : client_(client) {}

  api::Expected<reconciler::SnapshotPtr> Get(const api::ObjectKey& key) const override { return client_.Get(key); }
  api::Expected<reconciler::ObjectList> List(std::string_view resource, std::string_view namespace_) const override {
    return client_.List(resource, namespace_);
  }
  api::Expected<std::unique_ptr<reconciler::Watch>> OpenWatch(std::string_view resource,
                                                              api::ResourceVersion from) override {
    return client_.OpenWatch(resource, from);
  }
  api::Expected<reconciler::Written> Create(api::Object object, const reconciler::WriteOptions& options) override {
    return client_.Create(std::move(object), options);
  }
  api::Expected<reconciler::Written> Update(api::Object object, const reconciler::WriteOptions& options) override {
    return client_.Update(std::move(object), options);
  }
  api::Expected<reconciler::Written> UpdateStatus(api::Object object,
                                                  const reconciler::WriteOptions& options) override {
    return client_.UpdateStatus(std::move(object), options);
  }
  api::Expected<reconciler::Written> Patch(const api::ObjectKey& key, const reconciler::PatchDocument& patch,
                                           const reconciler::WriteOptions& options) override {
    return client_.Patch(key, patch, options);
  }
  api::Expected<reconciler::Written> Delete(const api::ObjectKey& key,
                                            const reconciler::DeleteOptions& options) override {
    return client_.Delete(key, options);
  }

 private:
  reconciler::Client& client_;
};

}  // namespace tests
