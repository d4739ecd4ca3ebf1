#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/wait.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"
#include "cmd/heroctl/sources.h"

namespace heroctl {
namespace {

using api::Code;
using api::Expected;
using api::ObjectKey;
using api::schema::Catalog;

struct Removal {
  std::shared_ptr<const Catalog> kinds{};
  std::vector<ObjectKey> keys{};
  std::vector<api::Error> errors{};  ///< Documents that say of no object which one it is.
};

Expected<Removal> KeysInFiles(const Session& session, const Flags& flags) {
  if (!flags.objects.empty() || flags.is_all || !flags.selector.empty())
    return UsageError("-f and names exclude each other, and so do -f and --all or -l");
  const auto documents = ReadSources(session, flags);
  if (!documents) return documents.error();
  auto kinds = session.client.Kinds();
  if (!kinds) return kinds.error();
  Removal removal{.kinds = *kinds};
  for (const client::Document& document : *documents) {
    const api::Json* object = document.object ? &*document.object : nullptr;
    const std::string kind_name = object ? object->Find("kind")->StringOr("") : "";
    const api::schema::KindPtr kind =
        object ? (*kinds)->FindKind(object->Find("apiVersion")->StringOr(""), kind_name) : nullptr;
    if (!kind) {
      removal.errors.push_back(
          object ? UsageError("the server has no kind \"" + kind_name + "\"; see heroctl kinds").Within(document.place)
                 : document.object.error());
      continue;
    }
    ObjectKey key = KeyOf(*kind, *object);
    if (kind->is_namespaced && key.namespace_.empty()) key.namespace_ = NamespaceFor(*kind, flags);
    removal.keys.push_back(std::move(key));
  }
  return removal;
}

Expected<Removal> KeysTyped(const Session& session, const Flags& flags) {
  auto objects = ReadObjects(session, flags);
  if (!objects) return objects.error();
  auto keys = ReadKeys(session, flags, *objects);
  if (!keys) return keys.error();
  return Removal{.kinds = std::move(objects->kinds), .keys = *std::move(keys)};
}

/// Deletes one object and, if it is to be waited for, sees it gone.
Expected<void> DeleteOne(const Session& session, const Flags& flags, const Catalog& kinds, const ObjectKey& key,
                         std::chrono::steady_clock::time_point deadline) {
  const bool is_dry_run = flags.dry_run == "server";
  const std::string name = NameLine(*kinds.FindResource(key.resource), key.name);
  const auto written = session.client.Delete(key, {.is_dry_run = is_dry_run});
  if (!written && written.error().code == Code::kNotFound && flags.is_missing_fine) return {};
  if (!written) return written.error();
  if (is_dry_run || written->is_removed) {
    session.out << name << " deleted" << (is_dry_run ? " (server dry run)" : "") << std::endl;
    return {};
  }
  if (!flags.waits_for_deletion) {
    session.out << name << " is being deleted" << std::endl;
    return {};
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - session.clock.SteadyNow());
  return client::WaitUntil(session.client, {key},
                           {.what = client::WaitFor::What::kDeletion, .uid = written->object->uid}, left, session.clock,
                           {}, [&](const ObjectKey&) { session.out << name << " deleted" << std::endl; });
}

}  // namespace

int RunDelete(const Session& session, const Flags& flags) {
  const auto timeout = ReadTimeout(flags, "5m");
  if (!timeout) return Fail(session, timeout.error());
  const auto removal = flags.files.empty() ? KeysTyped(session, flags) : KeysInFiles(session, flags);
  if (!removal) return Fail(session, removal.error());
  if (removal->keys.empty() && removal->errors.empty()) session.err << "No resources found.\n";
  int code = 0;
  for (const api::Error& error : removal->errors) code = Fail(session, error);
  const auto deadline = session.clock.SteadyNow() + *timeout;
  for (const ObjectKey& key : removal->keys)
    if (auto deleted = DeleteOne(session, flags, *removal->kinds, key, deadline); !deleted)
      code = Fail(session, deleted.error());
  return code;
}

}  // namespace heroctl
