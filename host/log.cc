#include "host/log.h"

#include <utility>

namespace host::log {

namespace {

/// The one sink of the process. Written once before any thread starts, so reads need no lock.
std::unique_ptr<Sink>& TheSink() {
  static std::unique_ptr<Sink> sink;
  return sink;
}

void Write(Level level, std::string_view message, std::initializer_list<Field> fields,
           const std::source_location& where) {
  if (const auto& sink = TheSink()) sink->Write(level, message, {fields.begin(), fields.size()}, where);
}

}  // namespace

void SetSink(std::unique_ptr<Sink> sink) { TheSink() = std::move(sink); }

void Info(std::string_view message, std::initializer_list<Field> fields, std::source_location where) {
  Write(Level::kInfo, message, fields, where);
}

void Warning(std::string_view message, std::initializer_list<Field> fields, std::source_location where) {
  Write(Level::kWarning, message, fields, where);
}

void Error(std::string_view message, std::initializer_list<Field> fields, std::source_location where) {
  Write(Level::kError, message, fields, where);
}

}  // namespace host::log
