#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/schema/schema.h"
#include "client/transport.h"
#include "reconciler/client.h"

namespace client {

/// The API over the wire (design D-02). What differs from the embedded one: the actor of a write is whoever opened the
/// socket, whatever the options say; events have no previous state; of an object that a delete removed only the key and
/// the uid come back; an expired watch says so at its first event. A watch from revision 0 begins with what there is.
/// Kinds are found by discovery, once, and again for a kind that is not known yet.
class WireClient final : public reconciler::Client {
 public:
  /// `transport` outlives this and its watches.
  explicit WireClient(const Transport& transport) : transport_(transport) {}

  api::Expected<reconciler::SnapshotPtr> Get(const api::ObjectKey& key) const override;
  api::Expected<reconciler::ObjectList> List(std::string_view resource,
                                             std::string_view namespace_ = "") const override;
  api::Expected<std::unique_ptr<reconciler::Watch>> OpenWatch(std::string_view resource,
                                                              api::ResourceVersion from) override;
  api::Expected<reconciler::Written> Create(api::Object object, const reconciler::WriteOptions& options) override;
  /// The same from JSON as somebody wrote it, so that the server sees fields too that an api::Object drops.
  api::Expected<reconciler::Written> CreateFrom(const api::schema::Kind& kind, std::string_view namespace_,
                                                const api::Json& object, const reconciler::WriteOptions& options);
  api::Expected<reconciler::Written> Update(api::Object object, const reconciler::WriteOptions& options) override;
  api::Expected<reconciler::Written> UpdateStatus(api::Object object, const reconciler::WriteOptions& options) override;
  api::Expected<reconciler::Written> Patch(const api::ObjectKey& key, const reconciler::PatchDocument& patch,
                                           const reconciler::WriteOptions& options) override;
  api::Expected<reconciler::Written> Delete(const api::ObjectKey& key,
                                            const reconciler::DeleteOptions& options) override;

  /// A document of the server: a Table, a plan, its version. `target` as in HttpRequest. Errors: the server's, and
  /// kInternal for what is no JSON.
  api::Expected<api::Json> Fetch(const std::string& target, const std::string& accept = "application/json") const;
  /// The answer to any other request about what is no object of a kind. Errors: as Fetch.
  api::Expected<api::Json> Ask(const HttpRequest& request) const;
  /// A watch whose frames the caller reads, such as one of Tables.
  api::Expected<std::unique_ptr<LineStream>> Follow(const std::string& target, const std::string& accept) const;

  /// What the server serves, by the names that people type. Never null.
  api::Expected<std::shared_ptr<const api::schema::Catalog>> Kinds() const;

 private:
  api::Expected<std::shared_ptr<const api::schema::Catalog>> Discover() const;
  template <class Find>
  api::Expected<api::schema::KindPtr> FindKind(std::string_view what, Find find) const;
  api::Expected<api::schema::KindPtr> KindOf(std::string_view resource) const;
  api::Expected<api::schema::KindPtr> KindOf(const api::Object& object) const;
  api::Expected<reconciler::Written> Write(const api::schema::Kind& kind, const HttpRequest& request) const;
  api::Expected<reconciler::Written> Replace(const api::Object& object, std::string_view subresource,
                                             const reconciler::WriteOptions& options) const;

  // Constant after construction.
  const Transport& transport_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  mutable std::shared_ptr<const api::schema::Catalog> kinds_;
};

}  // namespace client
