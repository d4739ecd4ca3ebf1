#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/schema/schema.h"
#include "host/clock.h"
#include "reconciler/client.h"
#include "reconciler/fair_shared_mutex.h"

namespace reconciler {

/// Kinds that clients declare: a client over the registry whose CustomResourceDefinitions become kinds of the catalog
/// with the write that makes them, change with their updates and go with their objects. The program's own kinds are
/// there to be read, and nobody changes them (docs/adr/0019). Thread-safe.
class Definitions final : public Client {
 public:
  /// All of them are thread-safe and outlive this. `client` is the registry over `catalog`.
  Definitions(Client& client, api::schema::Catalog& catalog, const host::Clock& clock)
      : client_(client), catalog_(catalog), clock_(clock) {}

  /// Serves the kinds that clients declared in the store, and writes down the program's own. Before anybody asks. One
  /// that cannot be served any more is logged and left as it is. Errors: those of the client.
  api::Expected<void> Open();

  /// Goes on with what is being deleted: objects of a kind whose definition goes, then the definition. They are deleted
  /// through `client`, so that it is audited. Returns what it did; 0: there is nothing to do now.
  std::size_t Step(Client& client);
  /// Steps when a definition changes, and every second, for objects go when their finalizers do.
  void Run(Client& client, std::stop_token stop);

  api::Expected<SnapshotPtr> Get(const api::ObjectKey& key) const override { return client_.Get(key); }
  api::Expected<ObjectList> List(std::string_view resource, std::string_view namespace_ = "") const override {
    return client_.List(resource, namespace_);
  }
  api::Expected<std::unique_ptr<Watch>> OpenWatch(std::string_view resource, api::ResourceVersion from) override {
    return client_.OpenWatch(resource, from);
  }
  api::Expected<Written> Create(api::Object object, const WriteOptions& options) override;
  api::Expected<Written> Update(api::Object object, const WriteOptions& options) override;
  std::vector<api::Expected<Written>> WriteAll(std::vector<api::Object> objects, const WriteOptions& options) override;
  api::Expected<Written> UpdateStatus(api::Object object, const WriteOptions& options) override;
  api::Expected<Written> Patch(const api::ObjectKey& key, const PatchDocument& patch,
                               const WriteOptions& options) override;
  api::Expected<Written> Delete(const api::ObjectKey& key, const DeleteOptions& options) override;

 private:
  api::Expected<void> Guard(std::string_view name) const;
  template <class Write>
  api::Expected<Written> WriteDefinition(const std::string& name, const WriteOptions& options, const Write& write);
  api::Expected<void> Judge(const Written& foreseen) const;
  api::Expected<Written> Settle(Written written);
  api::Expected<Written> TellStatus(const api::schema::Kind& kind, Written written);
  api::Expected<void> MarkForCleanup(const api::ObjectKey& key);
  api::Expected<void> WriteDown(const api::schema::Kind& kind);
  std::size_t Clean(Client& client, const Snapshot& definition);

  Client& client_;
  api::schema::Catalog& catalog_;
  const host::Clock& clock_;

  /// Held by who changes definitions, and shared by who makes an object of a client's kind: what is made was judged by
  /// the definition that holds when it is there, and none comes after the last was removed.
  FairSharedMutex mutex_;
};

}  // namespace reconciler
