#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/time.h"
#include "host/append_log.h"
#include "host/clock.h"
#include "reconciler/client.h"

namespace reconciler {

/// Who changed what: a write to the API or a step on the host.
struct AuditRecord {
  api::Time time{};
  std::string actor{};
  std::string verb{};         ///< `create`, `update`, `patch`, `delete`, or a step's.
  std::string target{};       ///< `users.hero.dev/alice`, or a step's.
  std::string reason{};       ///< Why, for a step.
  std::string outcome{};      ///< `done`, `pending`, or the error's reason.
  std::string from{};         ///< Where the request came from; empty: from within.
  std::int64_t revision = 0;  ///< Of the written state; 0 for a step on the host and for what was refused.
};

/// Appends one line of JSON for each record. A line that cannot be written is logged; the change itself stands, for it
/// has happened. Thread-safe.
class Audit {
 public:
  /// The log outlives this; null: nothing is kept.
  explicit Audit(host::AppendLog* log) : log_(log) {}

  void Write(const AuditRecord& record);

 private:
  host::AppendLog* const log_;  // Thread-safe.
};

/// A client whose changes are audited: those of people whole, refusals too; those of controllers without status and
/// Events, which say nothing that the steps do not say.
class AuditedClient final : public Client {
 public:
  /// All are thread-safe and outlive this.
  AuditedClient(Client& client, Audit& audit, const host::Clock& clock)
      : client_(client), audit_(audit), clock_(clock) {}

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
  void Note(std::string_view verb, const auto& options, const std::string& target,
            const api::Expected<Written>& written);

  Client& client_;
  Audit& audit_;
  const host::Clock& clock_;
};

}  // namespace reconciler
