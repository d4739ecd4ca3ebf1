#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "reconciler/snapshot.h"
#include "server/http.h"
#include "server/route.h"

/// Which objects of a kind a list or a watch is about.
namespace server {

/// `a=b,c!=d,e,!f,g in (x,y),h notin (z),i>1`: all of them hold.
class LabelSelector {
 public:
  /// Errors: kInvalid, as Kubernetes words it.
  static api::Expected<LabelSelector> Parse(std::string_view text);

  bool Matches(const std::vector<std::pair<std::string, std::string>>& labels) const;
  bool empty() const { return requirements_.empty(); }

 private:
  friend class LabelSelectorParser;
  enum class Operator { kIn, kNotIn, kExists, kMissing, kAbove, kBelow };
  struct Requirement {
    std::string key{};
    Operator op = Operator::kExists;
    std::vector<std::string> values{};
  };
  static bool Holds(const Requirement& requirement, const std::string* value);

  std::vector<Requirement> requirements_{};
};

/// `metadata.name=a,metadata.namespace!=b`, of events also `involvedObject.kind=Slot`. An empty value is that of a
/// field that is not there.
class FieldSelector {
 public:
  /// `kind` may be null: any kind's. Errors: kInvalid for a field that the kind's objects are not selected by.
  static api::Expected<FieldSelector> Parse(std::string_view text, const api::schema::Kind* kind = nullptr);

  bool Matches(const reconciler::Snapshot& snapshot) const;
  bool empty() const { return requirements_.empty(); }

 private:
  struct Requirement {
    std::string field{};  ///< As in the stored object: `involvedObject.kind`.
    bool is_equal = false;
    std::string value{};
  };

  std::vector<Requirement> requirements_{};
};

struct Selection {
  std::string namespace_{};  ///< Empty: all of them.
  LabelSelector labels{};
  FieldSelector fields{};

  bool Matches(const reconciler::Snapshot& snapshot) const;
};

/// What `labelSelector` and `fieldSelector` say of the objects of a route. Errors: BadRequest.
api::Expected<Selection> ReadSelection(const Query& query, const Route& route);

}  // namespace server
