#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "host/clock.h"
#include "reconciler/client.h"

namespace reconciler {

struct RecorderOptions {
  std::size_t remembered_max = 4096;  ///< Events whose repetitions are counted instead of written anew.
  std::chrono::minutes kept_for{60};  ///< As long as Kubernetes keeps events.
  std::size_t kept_max = 10'000;      ///< Beyond it the oldest of the namespaces that have most go before their time.
  std::size_t swept_at_once_max = 500;
};

/// Writes Kubernetes Events about objects; a repeated one is counted. An event that cannot be written is logged and
/// dropped: it is a courtesy, the audit log is the record. Thread-safe.
class Recorder {
 public:
  /// Both are thread-safe and outlive this.
  Recorder(Client& client, const host::Clock& clock, RecorderOptions options = {});

  /// `reason` is one CamelCase word; `component` the controller's name.
  void Normal(const api::Object& about, std::string_view component, std::string_view reason, std::string_view message);
  void Warning(const api::Object& about, std::string_view component, std::string_view reason, std::string_view message);

  struct Line {
    bool is_warning = false;
    std::string reason{};
    std::string message{};
  };
  /// Several about one object, in this order, written together.
  void Tell(const api::Object& about, std::string_view component, const std::vector<Line>& lines);

  /// Removes old events, once a minute however often it is called. For whoever keeps house.
  void Sweep();

 private:
  using Same = std::tuple<std::string, std::string, std::string>;  // Object's uid, reason, message.
  struct Series {
    api::ObjectKey event{};
    std::int64_t count = 0;
  };

  bool CountUp(const Same& same, api::Time now);
  void Remember(const Same& same, const api::ObjectKey& event);
  Client& client_;
  const host::Clock& clock_;
  const RecorderOptions options_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<Same, Series> series_;
  std::deque<Same> oldest_;  // Of series_, in order of birth.
  api::Time next_sweep_{};
};

}  // namespace reconciler
