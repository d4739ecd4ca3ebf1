// The daemon's own wiring, with a log that notes each place at which a process can die (after each step, so before the
// next; before and after each task, as the engine logs them), and kills the process when it comes to one of them.
//   herod_dying CONFIG ROOT PLACES_FILE [PLACE]
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "cmd/config/config.h"
#include "cmd/herod/box.h"
#include "host/linux/stop_signals.h"
#include "host/log.h"

namespace {

/// A place's name is the same in each life: what happens, to which object, in which step. The reason behind a step's
/// target may differ.
std::string PlaceOf(std::string_view message, std::span<const host::log::Field> fields) {
  if (message != "step" && message != "task begins" && message != "task ended") return "";
  std::string place(message);
  for (const host::log::Field& field : fields)
    if (field.key == "object" || field.key == "step") place += "|" + field.value.substr(0, field.value.find(": "));
  return place;
}

class Death final : public host::log::Sink {
 public:
  Death(int file, std::string place) : file_(file), place_(std::move(place)) {}

  void Write(host::log::Level, std::string_view message, std::span<const host::log::Field> fields,
             const std::source_location&) override {
    const std::string place = PlaceOf(message, fields);
    if (place.empty()) return;
    const std::lock_guard lock(mutex_);
    if (!seen_.insert(place).second) return;
    const std::string line = place + "\n";
    if (write(file_, line.data(), line.size()) < 0) std::perror("herod_dying");
    if (place == place_) kill(getpid(), SIGKILL);
  }

 private:
  const int file_;
  const std::string place_;
  std::mutex mutex_;
  std::set<std::string> seen_;  // Guarded by mutex_.
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  host::linux::StopSignals signals;
  const int file = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  host::log::SetSink(std::make_unique<Death>(file, argc > 4 ? argv[4] : ""));
  auto config = herod::ReadConfig(argv[1]);
  if (!config) return 3;
  auto box = herod::Box::Open(*config, argv[2]);
  if (!box) return 4;
  signals.Watch([] {});
  const auto ran = (*box)->Run(signals.Token());
  return ran ? 0 : 1;
}
