#include "reconciler/builtin_kinds.h"

#include <string>
#include <string_view>

#include "api/codec/yaml.h"
#include "api/meta/words.h"

namespace reconciler {
namespace {

constexpr std::string_view kApproval = R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: approvals.hero.dev
spec:
  group: hero.dev
  scope: Cluster
  names:
    plural: approvals
    singular: approval
    kind: Approval
    listKind: ApprovalList
    shortNames: [ap]
    categories: [hero]
  versions:
    - name: v1
      served: true
      storage: true
      subresources:
        status: {}
      additionalPrinterColumns:
        - name: Object
          type: string
          jsonPath: .spec.object
          description: What the steps are for; empty when they are for things that no object names.
        - name: Approved
          type: boolean
          jsonPath: .spec.approved
          description: Whether an operator said yes.
        - name: Reason
          type: string
          jsonPath: .spec.reason
          description: What waits.
        - name: Age
          type: date
          jsonPath: .metadata.creationTimestamp
      schema:
        openAPIV3Schema:
          type: object
          description: A question of the engine to an operator. May these steps run? Its name is the hash of the steps.
          required: [spec]
          properties:
            spec:
              type: object
              properties:
                controller:
                  type: string
                  description: Who asks. Empty in an approval that was given before anything was asked.
                object:
                  type: string
                  description: What the steps are for, as in Team team.
                reason:
                  type: string
                  description: What waits, in words.
                approved:
                  type: boolean
                  default: false
                  description: An operator's answer.
                approvedSeen:
                  type: string
                  description: When the engine first saw that it was approved. An approval lapses a week after it.
                steps:
                  type: array
                  description: What is approved.
                  items:
                    type: object
                    properties:
                      controller: {type: string}
                      kind: {type: string}
                      name: {type: string}
                      verb: {type: string}
                      target: {type: string}
                      desired: {type: string}
                      reason: {type: string}
            status:
              type: object
              x-kubernetes-preserve-unknown-fields: true
)";

/// The definition is ours and right, and a test says so.
api::schema::Kind ApprovalKind() {
  auto documents = api::codec::ParseYaml(kApproval, "approval");
  return *api::schema::KindFromCrd(documents->front());
}

api::schema::Kind Review(const std::string& group, const std::string& kind) {
  const std::string singular = api::LowerCase(kind);
  return {.group = group,
          .version = "v1",
          .kind = kind,
          .list_kind = kind + "List",
          .plural = singular + "s",
          .singular = singular,
          .is_review = true};
}

}  // namespace

std::vector<api::schema::Kind> BuiltinKinds() {
  return {
      ApprovalKind(),
      {.version = "v1",
       .kind = "Event",
       .list_kind = "EventList",
       .plural = "events",
       .singular = "event",
       .short_names = {"ev"},
       .is_namespaced = true},
      // The other spelling of the same events, server/event_spelling.h.
      {.group = "events.k8s.io",
       .version = "v1",
       .kind = "Event",
       .list_kind = "EventList",
       .plural = "events",
       .singular = "event",
       .short_names = {"ev"},
       .is_namespaced = true},
      {.version = "v1",
       .kind = "Namespace",
       .list_kind = "NamespaceList",
       .plural = "namespaces",
       .singular = "namespace",
       .short_names = {"ns"},
       .has_status = true,
       .columns = {{.name = "Status", .type = "string", .json_path = ".status.phase"},
                   {.name = "Age", .type = "date", .json_path = ".metadata.creationTimestamp"}}},
      {.group = "coordination.k8s.io",
       .version = "v1",
       .kind = "Lease",
       .list_kind = "LeaseList",
       .plural = "leases",
       .singular = "lease",
       .is_namespaced = true,
       .columns = {{.name = "Holder", .type = "string", .json_path = ".spec.holderIdentity"},
                   {.name = "Age", .type = "date", .json_path = ".metadata.creationTimestamp"}}},
      {.group = "apiextensions.k8s.io",
       .version = "v1",
       .kind = "CustomResourceDefinition",
       .list_kind = "CustomResourceDefinitionList",
       .plural = "customresourcedefinitions",
       .singular = "customresourcedefinition",
       .short_names = {"crd", "crds"},
       .has_status = true,
       .columns = {{.name = "Created At", .type = "string", .json_path = ".metadata.creationTimestamp"}}},
      Review("authentication.k8s.io", "SelfSubjectReview"),
      Review("authorization.k8s.io", "SelfSubjectAccessReview"),
      Review("authorization.k8s.io", "SelfSubjectRulesReview"),
  };
}

}  // namespace reconciler
