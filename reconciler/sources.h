#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/object.h"
#include "reconciler/request.h"
#include "reconciler/snapshot.h"

namespace reconciler {

/// Which changes of another object matter.
enum class On {
  kAnyChange,
  kSpecChange,  ///< Made, removed, or changed outside its status.
};

/// Wakes objects of a controller. Thread-safe, never blocks; drops everything once the loop stops. `cause` is for
/// people:
/// `/etc/passwd changed`.
class Waker {
 public:
  virtual ~Waker() = default;

  virtual void Wake(const Request& request, std::string_view cause) = 0;
  virtual void WakeAll(std::string_view cause) = 0;
};

/// A directory of the host that is looked at: a change of its entries is a reason to look again.
struct HostDirectory {
  std::string path{};
  std::vector<std::string> entries{};  ///< Only these names in it matter; empty: all.
  bool is_recursive = false;           ///< Directories below it too; links are not followed.
  /// Of a controller's directory: whom a change is about, asked by the thread that tells of it. Null, and no value:
  /// everybody.
  std::function<std::optional<std::vector<Request>>()> whom{};
};

/// What an index knows an object by: `repo/branch` of a binding, say. An object may have several values or none.
struct IndexedBy {
  std::string resource{};
  std::string name{};
  std::function<std::vector<std::string>(const api::Object&)> values{};
};

/// Where a controller's keys come from, beside changes of its own objects' spec and metadata, which always wake them. A
/// deletion passes every filter.
class Sources {
 public:
  using Map = std::function<std::vector<Request>(const api::Object&)>;
  struct Watched {
    std::string resource{};
    On on = On::kAnyChange;
    bool by_owner = false;  ///< Wakes the owner of the controller's kind; `map` is empty.
    Map map{};
  };
  using HostSource = std::function<void(Waker&)>;

  /// Wakes the owner when something that it owns changes.
  template <class Kind>
  Sources& Owns(On on = On::kAnyChange) {
    watched_.push_back({.resource = api::ResourceName(Kind::kInfo), .on = on, .by_owner = true});
    return *this;
  }

  /// Wakes what `map` says when an object of another kind changes; asked for the state before a change and for the one
  /// after.
  template <class Kind>
  Sources& Maps(std::function<std::vector<Request>(const Kind&)> map, On on = On::kAnyChange) {
    watched_.push_back({.resource = api::ResourceName(Kind::kInfo),
                        .on = on,
                        .map = [map = std::move(map)](const api::Object& object) {
                          auto kind = api::codec::FromObject<Kind>(object);
                          return kind ? map(*kind) : std::vector<Request>();
                        }});
    return *this;
  }

  /// Wakes all objects, or `whom`, when an entry of that directory changes. What a single object looks at, its Observe
  /// says by Reader::Watch.
  Sources& Directory(HostDirectory directory) {
    directories_.push_back(std::move(directory));
    return *this;
  }

  /// Keeps an index of a kind that is watched here, for Reader::ListBy.
  template <class Kind>
  Sources& Index(std::string_view name, const std::function<std::vector<std::string>(const Kind&)>& values) {
    indexes_.push_back({.resource = api::ResourceName(Kind::kInfo),
                        .name = std::string(name),
                        .values = [values](const api::Object& object) {
                          auto kind = api::codec::FromObject<Kind>(object);
                          return kind ? values(*kind) : std::vector<std::string>();
                        }});
    return *this;
  }

  /// For what is no file: a process that ends, a unit that changes. `start` is called once, before the first reconcile,
  /// to hook the waker to something of the host. The waker outlives the loop's last reconcile, and whatever is hooked
  /// must be unhooked before the manager goes.
  Sources& Host(HostSource start) {
    host_.push_back(std::move(start));
    return *this;
  }

  const std::vector<Watched>& watched() const { return watched_; }
  const std::vector<HostSource>& host() const { return host_; }
  const std::vector<HostDirectory>& directories() const { return directories_; }
  const std::vector<IndexedBy>& indexes() const { return indexes_; }

 private:
  std::vector<Watched> watched_;
  std::vector<HostSource> host_;
  std::vector<HostDirectory> directories_;
  std::vector<IndexedBy> indexes_;
};

}  // namespace reconciler
