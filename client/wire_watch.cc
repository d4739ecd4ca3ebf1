#include "client/wire_watch.h"

#include <utility>

#include "client/wire_format.h"

namespace client {

WireWatch::WireWatch(std::shared_ptr<const api::schema::Kind> kind, std::unique_ptr<LineStream> lines)
    : kind_(std::move(kind)), lines_(std::move(lines)) {}

WireWatch::~WireWatch() = default;

api::Expected<std::optional<reconciler::Event>> WireWatch::Next(std::chrono::milliseconds wait, std::stop_token stop) {
  auto line = lines_->Next(wait, std::move(stop));
  if (!line) return line.error();
  if (!*line) {
    {
      const std::lock_guard lock(mutex_);
      is_drained_ = true;
    }
    changed_.notify_all();
    return std::optional<reconciler::Event>();
  }
  auto event = EventOf(*kind_, **line);
  if (!event) return event.error();
  return std::optional(*std::move(event));
}

void WireWatch::SetNotify(std::function<void()> notify) {
  notifier_ = {};  // Joins: no call begins after this.
  if (!notify) return;
  notifier_ = std::jthread([this, notify = std::move(notify)](std::stop_token stop) {
    notify();  // Something may have been read ahead already; to be told in vain costs nothing.
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [this] { return is_drained_; })) return;
        is_drained_ = false;
      }
      if (!lines_->WaitReadable(stop)) return;
      notify();
    }
  });
}

}  // namespace client
