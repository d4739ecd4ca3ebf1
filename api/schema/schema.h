#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "api/meta/object.h"

/// What CustomResourceDefinitions say: structural schemas that prune, default and validate, and the columns of tables.
namespace api::schema {

struct SchemaNode;

/// A structural OpenAPI v3 schema. Immutable, shared between threads.
class Schema {
 public:
  /// Builds from `spec.versions[].schema.openAPIV3Schema`. Errors: kInvalid, one cause per fault, with paths below
  /// `path`: unknown keyword, unknown type, a pattern that RE2 does not read, a default that the schema itself refuses,
  /// properties beside additionalProperties, list-map-keys that are neither required nor defaulted, a property below
  /// allOf, anyOf, oneOf or not that is not declared outside as well, rules in CEL (not supported yet).
  static Expected<Schema> FromJson(const Json& json, std::string_view path);

  /// Removes what the schema does not declare and returns the first 100 removed paths (`spec.bogus`). Silently, nulls
  /// of fields that are not nullable go too, and `2.0` becomes `2` where an integer is declared. Of a resource,
  /// apiVersion, kind and metadata stay.
  std::vector<std::string> Prune(Json& value) const;
  /// Fills defaults in, at every depth, where the parent exists.
  void ApplyDefaults(Json& value) const;
  /// The violations in the words of Kubernetes (docs/spec/wire.md), 100 at most, empty when the value is valid.
  std::vector<Cause> Validate(const Json& value) const;

  /// The schema of the declared member of that name, null when there is none.
  const Schema* Property(std::string_view name) const;
  /// JSON type name, `int-or-string`, or empty.
  std::string_view type() const;
  /// The declared default, null when there is none.
  const Json* default_value() const;
  std::vector<std::string_view> PropertyNames() const;
  /// Of an array.
  const Schema* items() const;
  /// Of a map.
  const Schema* additional_properties() const;

  /// For this room's own files.
  explicit Schema(std::shared_ptr<const SchemaNode> node) : node_(std::move(node)) {}
  const SchemaNode& node() const { return *node_; }

 private:
  std::shared_ptr<const SchemaNode> node_;
};

/// One column of `kubectl get`.
struct PrinterColumn {
  std::string name{};
  std::string type{};  ///< string, integer, number, boolean, date
  std::string json_path{};
  std::string description{};
  std::int64_t priority = 0;  ///< Above 0 only with -o wide.
};

/// One kind that can be stored and served.
struct Kind {
  std::string group{};
  std::string version{};
  std::string kind{};
  std::string list_kind{};
  std::string plural{};
  std::string singular{};
  std::vector<std::string> short_names{};
  std::vector<std::string> categories{};
  bool is_namespaced = false;
  bool has_status = false;         ///< Has the status subresource.
  bool is_review = false;          ///< Answered at once and never stored: its objects can be created, and no more.
  bool is_going = false;           ///< Its definition is being deleted: no new objects.
  bool is_foreign = false;         ///< Declared by a client: it may change and go. All others are the program's own.
  std::string never_deleted{};     ///< Why its objects are never deleted, whoever asks; empty: they may be.
  std::string declared_by{};       ///< Plural of the kind, of this group, that declares its objects from git; or empty.
  std::optional<Schema> schema{};  ///< None: anything goes (built-in kinds such as Event).
  std::vector<PrinterColumn> columns{};
  Json definition{};  ///< The CustomResourceDefinition that declares it; null for built-in kinds.

  std::string resource() const { return ResourceName(group, plural); }
  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
};

/// The kind that a CustomResourceDefinition document declares (its storage version). Errors: kInvalid with causes, for
/// what is wrong and for what this project has not: fields that it does not know, conversion, a second served version,
/// subresources beside status.
Expected<Kind> KindFromCrd(const Json& crd);

/// A kind of which nothing but its names is declared: anything may stand in its objects. It has a status.
Kind KindWithoutSchema(const KindInfo& info);

/// A kind as it was when it was asked for: who holds it goes on with it, whatever becomes of it in the catalog.
using KindPtr = std::shared_ptr<const Kind>;

/// All kinds by their names. Thread-safe: each call sees one moment, and readers wait for nobody but for the copy of a
/// pointer (docs/adr/0019). What is not found is null; of two kinds that share a short name the first added wins.
class Catalog {
 public:
  Catalog();
  Catalog(Catalog&& other) noexcept;
  Catalog& operator=(Catalog&& other) noexcept;
  ~Catalog();

  /// Errors: kAlreadyExists when the resource is there.
  Expected<void> Add(Kind kind);
  /// The same in the place of a kind of that resource, if there is one.
  void Put(Kind kind);
  /// Nothing, when it is not there.
  void Remove(std::string_view resource);

  KindPtr FindResource(std::string_view resource) const;  ///< `users.hero.dev`
  KindPtr FindPath(std::string_view group, std::string_view version, std::string_view plural) const;
  KindPtr FindKind(std::string_view api_version, std::string_view kind) const;  ///< `hero.dev/v1`, `User`
  /// What a person types: plural, singular, short name, kind in any case, each also with `.group`.
  KindPtr FindTyped(std::string_view text) const;
  /// In the order in which they were added. A copy of one moment: call it once for one walk.
  std::vector<KindPtr> kinds() const;

 private:
  struct Index;
  struct State;

  std::shared_ptr<const Index> Now() const;
  template <class Change>
  void Modify(Change change);

  std::unique_ptr<State> state_;
};

/// A printer column's simple JSONPath (`.spec.branch`, `.status.conditions[?(@.type=="Ready")].status`,
/// `.spec.keys[0]`,
/// `.metadata.labels['a/b']`), and `-o jsonpath`'s `{…}` templates with range/end are not its matter. Every match, in
/// order. Errors: kInvalid with the position.
Expected<std::vector<Json>> EvaluatePath(const Json& value, std::string_view json_path);

/// The cell of a column for one object, as kubectl prints it: the first match, ages for dates. Empty when there is no
/// match or one of another type; `<none>` is left to the printer.
std::string Cell(const PrinterColumn& column, const Json& object, Time now);

}  // namespace api::schema
