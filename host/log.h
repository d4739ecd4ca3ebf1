#pragma once

#include <initializer_list>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>

/// Structured logging: a constant message and fields. Never format variables into the message. Thread-safe.
namespace host::log {

enum class Level { kInfo, kWarning, kError };

struct Field {
  std::string_view key{};
  std::string value{};
};

/// Where lines go. Thread-safe.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Write(Level level, std::string_view message, std::span<const Field> fields,
                     const std::source_location& where) = 0;
};

/// Set once, in main, before any thread starts. Without a sink lines are dropped.
void SetSink(std::unique_ptr<Sink> sink);

void Info(std::string_view message, std::initializer_list<Field> fields = {},
          std::source_location where = std::source_location::current());
void Warning(std::string_view message, std::initializer_list<Field> fields = {},
             std::source_location where = std::source_location::current());
void Error(std::string_view message, std::initializer_list<Field> fields = {},
           std::source_location where = std::source_location::current());

}  // namespace host::log
