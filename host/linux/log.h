#pragma once

#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>

#include "host/log.h"

namespace host::linux {

/// What stands behind time and level: `message key=value … at=file.cc:12`. Everything is made printable and a value
/// with a space, quote, backslash or equals sign is quoted, so that no value can look like a further field or line.
std::string LogLineOf(std::string_view message, std::span<const log::Field> fields, const std::source_location& where);

/// Writes lines `2026-11-20T20:58:51.413Z info reconciled object=alice …` of `least` and above to standard error, each
/// with one write as it comes: journald, or whoever started us, keeps them.
std::unique_ptr<log::Sink> MakeStderrSink(log::Level least);

}  // namespace host::linux
