#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "api/schema/schema.h"
#include "client/transport.h"
#include "reconciler/watch.h"

namespace client {

/// A watch over the wire. Who asks to be notified costs a thread, which looks at the connection; others cost none.
class WireWatch final : public reconciler::Watch {
 public:
  WireWatch(std::shared_ptr<const api::schema::Kind> kind, std::unique_ptr<LineStream> lines);
  ~WireWatch() override;

  api::Expected<std::optional<reconciler::Event>> Next(std::chrono::milliseconds wait, std::stop_token stop) override;
  /// Not from within `notify`.
  void SetNotify(std::function<void()> notify) override;

 private:
  // Constant after construction.
  const std::shared_ptr<const api::schema::Kind> kind_;
  const std::unique_ptr<LineStream> lines_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable_any changed_;
  bool is_drained_ = false;  ///< Next had nothing to say and nobody was told since.

  std::jthread notifier_;  ///< Runs while somebody wants to be notified. Last: it is joined before the rest goes.
};

}  // namespace client
