#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"

/// Which fields of an object are whose: what Kubernetes calls fieldsV1. Pure values and functions.
namespace api::fields {

/// A set of fields, as a tree of the steps that lead to them. A step is spelled as fieldsV1 has it: `f:NAME` a member
/// of an object, `k:{"name":"web"}` the element of a list with these keys, `v:"x"` the element of a set.
class FieldSet {
 public:
  using Children = std::map<std::string, FieldSet, std::less<>>;

  /// Errors: kInvalid for what is no fieldsV1. Keys and values of elements are brought into one spelling.
  static Expected<FieldSet> FromJson(const Json& fields_v1);
  Json ToJson() const;

  /// Whether the field at which this part of the tree stands is in the set, as opposed to something below it.
  bool is_member() const { return is_member_; }
  void Insert() { is_member_ = true; }
  bool empty() const { return !is_member_ && children_.empty(); }
  const Children& children() const { return children_; }
  /// What is at and below a step; null: nothing.
  const FieldSet* Find(std::string_view step) const;
  /// Adds a part of the tree below a step; an empty one leaves no trace.
  void Put(std::string step, FieldSet part);

  void Unite(const FieldSet& other);
  /// Takes these fields out, and nothing above or below them.
  void Subtract(const FieldSet& other);
  FieldSet Intersection(const FieldSet& other) const;

  /// For people: `.spec.ports[name="web"].port`, the first `paths_max`. Of one level first its fields, then what is
  /// below them. Long keys are cut.
  std::vector<std::string> Paths(std::size_t paths_max = 1'000) const;

  bool operator==(const FieldSet& other) const;

 private:
  bool is_member_ = false;
  Children children_{};  ///< None of them is empty.
};

}  // namespace api::fields
