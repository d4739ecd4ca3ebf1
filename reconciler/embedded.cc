#include "reconciler/embedded.h"

#include "api/codec/object.h"
#include "reconciler/builtin_kinds.h"

namespace reconciler {

api::Expected<std::unique_ptr<Embedded>> Embedded::Open(StoreOptions store, api::schema::Catalog catalog,
                                                        const Machine& machine, ManagerOptions options) {
  for (api::schema::Kind& kind : BuiltinKinds())
    if (auto added = catalog.Add(std::move(kind)); !added) return added.error();
  store.clock = &machine.clock;
  auto opened = Store::Open(std::move(store));
  if (!opened) return opened.error();
  return std::unique_ptr<Embedded>(new Embedded(*std::move(opened), std::move(catalog), machine, std::move(options)));
}

/// One that was made before namespaces had a phase gets it.
api::Expected<void> Embedded::PrepareToServe() {
  if (auto opened = definitions_.Open(); !opened) return opened;
  manager_.AddRunnable("definitions", [this](std::stop_token stop) { definitions_.Run(client_, std::move(stop)); });
  const WriteOptions own{.actor = "system:namespaces"};
  api::Object first{.api_version = "v1", .kind = "Namespace", .metadata = {.name = "default"}};
  auto made = client_.Create(std::move(first), own);
  if (!made && made.error().code != api::Code::kAlreadyExists) return made.error();
  const auto namespaces = client_.List("namespaces");
  if (!namespaces) return namespaces.error();
  for (const SnapshotPtr& item : namespaces->items) {
    auto object = api::codec::ParseObject(item->text);
    if (!object || object->body.Find("status")) continue;
    object->body["status"] = api::Json::Of({{"phase", "Active"}});
    if (auto told = client_.UpdateStatus(*std::move(object), own); !told) return told.error();
  }
  return {};
}

}  // namespace reconciler
