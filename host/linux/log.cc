#include "host/linux/log.h"

#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "api/codec/text.h"

namespace host::linux {

namespace {

// A longer value is cut: build output belongs in files, and journald splits lines above 48 KiB.
constexpr std::size_t kValueBytesMax = 2048;

spdlog::level::level_enum LevelOf(log::Level level) {
  switch (level) {
    case log::Level::kInfo:
      return spdlog::level::info;
    case log::Level::kWarning:
      return spdlog::level::warn;
    case log::Level::kError:
      break;
  }
  return spdlog::level::err;
}

void AppendValue(std::string& line, std::string_view value) {
  const std::string text = api::codec::Printable(value, kValueBytesMax);
  if (!text.empty() && text.find_first_of(" \"\\=") == std::string::npos) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  line += '"';
}

/// What syslog calls a level, in front of a line as journald takes it (sd-daemon(3)).
std::string_view JournalPrefix(log::Level level) {
  switch (level) {
    case log::Level::kInfo:
      return "<6>";
    case log::Level::kWarning:
      return "<4>";
    case log::Level::kError:
      break;
  }
  return "<3>";
}

/// Whether standard error goes to the journal, which has times and levels of its own (systemd.exec(5)).
bool IsJournal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
         std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

class StderrSink final : public log::Sink {
 public:
  // Synchronous: measured faster than spdlog's queue, and that one drops lines under load.
  explicit StderrSink(log::Level least)
      : is_journal_(IsJournal()), logger_("hero", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        is_journal_ ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
    logger_.set_level(LevelOf(least));
    logger_.flush_on(spdlog::level::warn);
  }

  void Write(log::Level level, std::string_view message, std::span<const log::Field> fields,
             const std::source_location& where) override {
    if (!logger_.should_log(LevelOf(level))) return;
    const std::string prefix(is_journal_ ? JournalPrefix(level) : "");
    logger_.log(LevelOf(level), spdlog::string_view_t(prefix + LogLineOf(message, fields, where)));
  }

 private:
  const bool is_journal_;
  spdlog::logger logger_;  // Has its own lock.
};

}  // namespace

std::string LogLineOf(std::string_view message, std::span<const log::Field> fields, const std::source_location& where) {
  std::string line = api::codec::Printable(message, kValueBytesMax);
  for (const log::Field& field : fields) {
    line.append(" ").append(field.key).append("=");
    AppendValue(line, field.value);
  }
  std::string_view file = where.file_name();
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0: no directory.
  return line.append(" at=").append(file).append(":").append(std::to_string(where.line()));
}

std::unique_ptr<log::Sink> MakeStderrSink(log::Level least) { return std::make_unique<StderrSink>(least); }

}  // namespace host::linux
