#pragma once

#include "api/meta/object.h"

namespace reconciler {

/// Kubernetes' Namespace, of which there is nothing to want but that it is there.
struct Namespace {
  static constexpr api::KindInfo kInfo{.version = "v1", .kind = "Namespace", .plural = "namespaces"};

  struct Nothing {
    bool operator==(const Nothing&) const = default;
    static void Fields(auto&, auto&&) {}
  };

  api::ObjectMeta metadata{};
  Nothing spec{};
  Nothing status{};
  api::CommonStatus common{};
};

}  // namespace reconciler
