#include "reconciler/event_queue.h"

#include <utility>

namespace reconciler {

namespace {

std::size_t BytesOf(const Event& event) { return event.object ? event.object->text.size() : 0; }

}  // namespace

EventQueue::EventQueue(std::string resource, std::size_t events_max, std::size_t bytes_max)
    : resource_(std::move(resource)), events_max_(events_max), bytes_max_(bytes_max) {}

void EventQueue::Push(const Event& event) {
  {
    std::lock_guard lock(mutex_);
    if (is_lost_) return;
    bytes_ += BytesOf(event);
    if (events_.size() < events_max_ && bytes_ <= bytes_max_) {
      events_.push_back(event);
    } else {
      events_.clear();
      is_lost_ = true;
    }
  }
  changed_.notify_all();
}

void EventQueue::Notify() {
  std::lock_guard lock(notify_mutex_);
  if (notify_) notify_();
}

api::Expected<std::optional<Event>> EventQueue::Next(std::chrono::milliseconds wait, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (wait.count() > 0) changed_.wait_for(lock, stop, wait, [&] { return !events_.empty() || is_lost_; });
  if (!events_.empty()) {
    std::optional<Event> event(std::move(events_.front()));
    events_.pop_front();
    bytes_ -= BytesOf(*event);
    return event;
  }
  if (is_lost_)
    return api::Error{api::Code::kExpired, "Expired", "the watch of " + resource_ + " fell too far behind; list again"};
  return std::optional<Event>();
}

void EventQueue::SetNotify(std::function<void()> notify) {
  std::lock_guard notify_lock(notify_mutex_);
  notify_ = std::move(notify);
  if (!notify_) return;
  bool has_something = false;
  {
    std::lock_guard lock(mutex_);
    has_something = !events_.empty() || is_lost_;
  }
  if (has_something) notify_();
}

}  // namespace reconciler
