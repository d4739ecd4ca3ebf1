#include "server/protobuf_messages.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace server {
namespace {

using Field = ProtobufField;
using Message = ProtobufMessage;
using Type = ProtobufType;

constexpr Field kManagedFieldsFields[]{
    {1, "manager"},           {2, "operation"},  {3, "apiVersion"},
    {4, "time", Type::kTime}, {6, "fieldsType"}, {7, "fieldsV1", Type::kJson},
    {8, "subresource"},
};
constexpr Message kManagedFields{kManagedFieldsFields};

constexpr Field kOwnerReferenceFields[]{
    {1, "kind"},
    {3, "name"},
    {4, "uid"},
    {5, "apiVersion"},
    {.number = 6, .name = "controller", .type = Type::kBool, .is_pointer = true},
    {.number = 7, .name = "blockOwnerDeletion", .type = Type::kBool, .is_pointer = true},
};
constexpr Message kOwnerReference{kOwnerReferenceFields};

constexpr Field kObjectMetaFields[]{
    {1, "name"},
    {2, "generateName"},
    {3, "namespace"},
    {4, "selfLink"},
    {5, "uid"},
    {6, "resourceVersion"},
    {7, "generation", Type::kLong},
    {8, "creationTimestamp", Type::kTime},
    {9, "deletionTimestamp", Type::kTime},
    {.number = 10, .name = "deletionGracePeriodSeconds", .type = Type::kLong, .is_pointer = true},
    {11, "labels", Type::kTextMap},
    {12, "annotations", Type::kTextMap},
    {.number = 13, .name = "ownerReferences", .type = Type::kMessage, .message = &kOwnerReference, .is_list = true},
    {.number = 14, .name = "finalizers", .is_list = true},
    {.number = 17, .name = "managedFields", .type = Type::kMessage, .message = &kManagedFields, .is_list = true},
};
constexpr Message kObjectMeta{kObjectMetaFields};
constexpr Field kMetadata{1, "metadata", Type::kMessage, &kObjectMeta};

constexpr Field kNamespaceSpecFields[]{{.number = 1, .name = "finalizers", .is_list = true}};
constexpr Message kNamespaceSpec{kNamespaceSpecFields};
constexpr Field kNamespaceStatusFields[]{{1, "phase"}};
constexpr Message kNamespaceStatus{kNamespaceStatusFields};
constexpr Field kNamespaceFields[]{
    kMetadata,
    {2, "spec", Type::kMessage, &kNamespaceSpec},
    {3, "status", Type::kMessage, &kNamespaceStatus},
};

constexpr Field kLeaseSpecFields[]{
    {.number = 1, .name = "holderIdentity", .is_pointer = true},
    {.number = 2, .name = "leaseDurationSeconds", .type = Type::kInteger, .is_pointer = true},
    {3, "acquireTime", Type::kMicroTime},
    {4, "renewTime", Type::kMicroTime},
    {.number = 5, .name = "leaseTransitions", .type = Type::kInteger, .is_pointer = true},
    {.number = 6, .name = "strategy", .is_pointer = true},
    {.number = 7, .name = "preferredHolder", .is_pointer = true},
};
constexpr Message kLeaseSpec{kLeaseSpecFields};
constexpr Field kLeaseFields[]{kMetadata, {2, "spec", Type::kMessage, &kLeaseSpec}};

constexpr Field kObjectReferenceFields[]{
    {1, "kind"}, {2, "namespace"}, {3, "name"}, {4, "uid"}, {5, "apiVersion"}, {6, "resourceVersion"}, {7, "fieldPath"},
};
constexpr Message kObjectReference{kObjectReferenceFields};
constexpr Field kEventSourceFields[]{{1, "component"}, {2, "host"}};
constexpr Message kEventSource{kEventSourceFields};
constexpr Field kEventSeriesFields[]{{1, "count", Type::kInteger}, {2, "lastObservedTime", Type::kMicroTime}};
constexpr Message kEventSeries{kEventSeriesFields};

constexpr Field kCoreEventFields[]{
    kMetadata,
    {2, "involvedObject", Type::kMessage, &kObjectReference},
    {3, "reason"},
    {4, "message"},
    {5, "source", Type::kMessage, &kEventSource},
    {6, "firstTimestamp", Type::kTime},
    {7, "lastTimestamp", Type::kTime},
    {8, "count", Type::kInteger},
    {9, "type"},
    {10, "eventTime", Type::kMicroTime},
    {11, "series", Type::kMessage, &kEventSeries},
    {12, "action"},
    {13, "related", Type::kMessage, &kObjectReference},
    {14, "reportingComponent"},
    {15, "reportingInstance"},
};

constexpr Field kEventFields[]{
    kMetadata,
    {2, "eventTime", Type::kMicroTime},
    {3, "series", Type::kMessage, &kEventSeries},
    {4, "reportingController"},
    {5, "reportingInstance"},
    {6, "action"},
    {7, "reason"},
    {8, "regarding", Type::kMessage, &kObjectReference},
    {9, "related", Type::kMessage, &kObjectReference},
    {10, "note"},
    {11, "type"},
    {12, "deprecatedSource", Type::kMessage, &kEventSource},
    {13, "deprecatedFirstTimestamp", Type::kTime},
    {14, "deprecatedLastTimestamp", Type::kTime},
    {15, "deprecatedCount", Type::kInteger},
};

constexpr Field kResourceAttributesFields[]{
    {1, "namespace"}, {2, "verb"}, {3, "group"}, {4, "version"}, {5, "resource"}, {6, "subresource"}, {7, "name"},
};
constexpr Message kResourceAttributes{kResourceAttributesFields};
constexpr Field kNonResourceAttributesFields[]{{1, "path"}, {2, "verb"}};
constexpr Message kNonResourceAttributes{kNonResourceAttributesFields};
constexpr Field kAccessReviewSpecFields[]{
    {1, "resourceAttributes", Type::kMessage, &kResourceAttributes},
    {2, "nonResourceAttributes", Type::kMessage, &kNonResourceAttributes},
};
constexpr Message kAccessReviewSpec{kAccessReviewSpecFields};
constexpr Field kAccessReviewFields[]{kMetadata, {2, "spec", Type::kMessage, &kAccessReviewSpec}};

constexpr Field kRulesReviewSpecFields[]{{1, "namespace"}};
constexpr Message kRulesReviewSpec{kRulesReviewSpecFields};
constexpr Field kRulesReviewFields[]{kMetadata, {2, "spec", Type::kMessage, &kRulesReviewSpec}};

constexpr Field kSubjectReviewFields[]{kMetadata};  // Of its status the server says all.

constexpr Field kPreconditionsFields[]{
    {.number = 1, .name = "uid", .is_pointer = true},
    {.number = 2, .name = "resourceVersion", .is_pointer = true},
};
constexpr Message kPreconditions{kPreconditionsFields};
constexpr Field kDeleteOptionsFields[]{
    {.number = 1, .name = "gracePeriodSeconds", .type = Type::kLong, .is_pointer = true},
    {2, "preconditions", Type::kMessage, &kPreconditions},
    {.number = 3, .name = "orphanDependents", .type = Type::kBool, .is_pointer = true},
    {.number = 4, .name = "propagationPolicy", .is_pointer = true},
    {.number = 5, .name = "dryRun", .is_list = true},
};

constexpr Field kTypeMetaFields[]{{1, "apiVersion"}, {2, "kind"}};

struct Named {
  std::string_view api_version{};  ///< Empty: any. Options are sent in the version of the kind that they are for.
  std::string_view kind{};
  Message message{};
};

constexpr std::array kMessages{
    Named{"authentication.k8s.io/v1", "SelfSubjectReview", {kSubjectReviewFields}},
    Named{"authorization.k8s.io/v1", "SelfSubjectAccessReview", {kAccessReviewFields}},
    Named{"authorization.k8s.io/v1", "SelfSubjectRulesReview", {kRulesReviewFields}},
    Named{"coordination.k8s.io/v1", "Lease", {kLeaseFields}},
    Named{"events.k8s.io/v1", "Event", {kEventFields}},
    Named{"", "DeleteOptions", {kDeleteOptionsFields}},
    Named{"v1", "Event", {kCoreEventFields}},
    Named{"v1", "Namespace", {kNamespaceFields}},
};

}  // namespace

const ProtobufMessage kProtobufTypeMeta{kTypeMetaFields};

const ProtobufMessage* FindProtobufMessage(std::string_view api_version, std::string_view kind) {
  const auto found = std::find_if(kMessages.begin(), kMessages.end(), [&](const Named& named) {
    return named.kind == kind && (named.api_version.empty() || named.api_version == api_version);
  });
  return found == kMessages.end() ? nullptr : &found->message;
}

}  // namespace server
