#pragma once

#include <memory>
#include <utility>

#include "api/schema/schema.h"
#include "reconciler/audit.h"
#include "reconciler/definitions.h"
#include "reconciler/manager.h"
#include "reconciler/registry.h"
#include "reconciler/store.h"

namespace reconciler {

/// The engine with its own store, for a program that runs controllers without a Kubernetes API server.
class Embedded {
 public:
  /// The machine outlives it. Errors: those of Store::Open.
  static api::Expected<std::unique_ptr<Embedded>> Open(StoreOptions store, api::schema::Catalog catalog,
                                                       const Machine& machine, ManagerOptions options = {});

  /// What clients expect of a server: the namespace `default`, the kinds that they declared, definitions of all others.
  /// Before Run, by a program that serves the wire. Errors: those of writing.
  api::Expected<void> PrepareToServe();

  Client& client() { return client_; }
  Manager& manager() { return manager_; }
  /// What writes the audit log; for refusals, which reach no client.
  Audit& audit() { return audit_; }
  const api::schema::Catalog& catalog() const { return catalog_; }
  api::ResourceVersion revision() const { return store_->revision(); }

 private:
  Embedded(std::unique_ptr<Store> store, api::schema::Catalog catalog, const Machine& machine, ManagerOptions options)
      : catalog_(std::move(catalog)),
        store_(std::move(store)),
        registry_(*store_, catalog_, machine.clock, machine.entropy),
        definitions_(registry_, catalog_, machine.clock),
        audit_(machine.audit_log),
        client_(definitions_, audit_, machine.clock),
        manager_(client_, *store_, catalog_, machine, std::move(options)) {}

  api::schema::Catalog catalog_;
  const std::unique_ptr<Store> store_;
  Registry registry_;
  Definitions definitions_;
  Audit audit_;
  AuditedClient client_;
  Manager manager_;
};

}  // namespace reconciler
