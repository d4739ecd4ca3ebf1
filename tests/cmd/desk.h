#pragma once

#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/flags.h"
#include "tests/client/wire_box.h"

namespace tests {

/// A box and somebody who types at it.
struct Desk {
  /// Runs `heroctl ARGUMENTS`; returns the exit code. `out` and `err` hold what it printed.
  int Type(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv{"heroctl"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    std::ostringstream out_stream;
    std::ostringstream err_stream;
    out.clear();
    err.clear();
    const auto parsed = heroctl::ParseFlags(static_cast<int>(argv.size()), argv.data());
    const auto* flags = std::get_if<heroctl::Flags>(&parsed);
    if (!flags) {
      const auto& finished = std::get<heroctl::Finished>(parsed);
      (finished.exit_code == 0 ? out : err) = finished.text;
      return finished.exit_code;
    }
    std::istringstream in_stream(in);
    const int code = heroctl::Run({.client = api.wire,
                                   .clock = api.box.api.clock,
                                   .in = in_stream,
                                   .out = out_stream,
                                   .err = err_stream,
                                   .user = "driver"},
                                  *flags);
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }

  void Create(const std::string& path, const std::string& kind, const std::string& name,
              const std::string& spec = "{}") {
    const auto created = api.api().Ask("POST", path,
                                       R"({"apiVersion":"hero.dev/v1","kind":")" + kind + R"(","metadata":{"name":")" +
                                           name + R"(","labels":{"name":")" + name + R"("}},"spec":)" + spec + "}");
    REQUIRE(created.status == 201);
  }
  void CreateSlot(const std::string& name, const std::string& namespace_ = "default") {
    Create("/apis/hero.dev/v1/namespaces/" + namespace_ + "/slots", "Slot", name, R"({"size":2,"image":"base:1"})");
  }
  void CreateUser(const std::string& name) { Create("/apis/hero.dev/v1/users", "User", name); }

  WireApi api{};
  std::string in{};  ///< Standard input of the next command.
  std::string out{};
  std::string err{};
};

}  // namespace tests
