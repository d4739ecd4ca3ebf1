#include "reconciler/embedded.h"

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

}  // namespace reconciler
