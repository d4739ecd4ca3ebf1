#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <future>
#include <mutex>
#include <ostream>
#include <sstream>
#include <streambuf>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "tests/cmd/desk.h"
#include "tests/cmd/program.h"

using namespace tests;
using namespace std::chrono_literals;
using api::Json;

namespace {

/// Output of which somebody waits for a part.
class WatchedOutput final : public std::streambuf {
 public:
  bool WaitFor(const std::string& text, std::chrono::seconds patience = 20s) {
    std::unique_lock lock(mutex_);
    return written_.wait_for(lock, patience, [&] { return seen_.find(text) != std::string::npos; });
  }

 private:
  int_type overflow(int_type c) override {
    if (c == traits_type::eof()) return traits_type::not_eof(c);
    const char one = traits_type::to_char_type(c);
    return xsputn(&one, 1) == 1 ? c : traits_type::eof();
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    {
      const std::lock_guard lock(mutex_);
      seen_.append(text, static_cast<std::size_t>(size));
    }
    written_.notify_all();
    return size;
  }

  std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable written_;
  std::string seen_;
};

}  // namespace

TEST_CASE("[CTL] get prints the server's table, wide with more, names with underscores are found") {
  Desk desk;
  desk.CreateSlot("a-b");
  desk.CreateSlot("c");
  desk.api.api().clock.Advance(254s);
  CHECK(desk.Type({"get", "slots"}) == 0);
  CHECK(desk.out == "NAME   SIZE   AGE\na-b    2      4m14s\nc      2      4m14s\n");
  CHECK(desk.Type({"get", "sl", "a_b", "-o", "wide"}) == 0);
  CHECK(desk.out == "NAME   SIZE   IMAGE    AGE\na-b    2      base:1   4m14s\n");
  CHECK(desk.Type({"get", "slot/c", "slot/a_b", "--no-headers"}) == 0);
  CHECK(desk.out == "c     2   4m14s\na-b   2   4m14s\n");
  CHECK(desk.Type({"get", "Slot", "-l", "name=c", "--no-headers"}) == 0);
  CHECK(desk.out == "c   2   4m14s\n");
}

TEST_CASE("[CTL] get looks in the namespace it is told, or in all") {
  Desk desk;
  desk.CreateSlot("a");
  desk.CreateSlot("b", "alice-x");
  CHECK(desk.Type({"get", "slots", "-n", "alice_x", "-o", "name"}) == 0);
  CHECK(desk.out == "slot.hero.dev/b\n");
  CHECK(desk.Type({"get", "slots.hero.dev", "-A"}) == 0);
  CHECK(desk.out == "NAMESPACE   NAME   SIZE   AGE\nalice-x     b      2      0s\ndefault     a      2      0s\n");
  CHECK(desk.Type({"get", "slots", "-n", "nobody"}) == 0);
  CHECK(desk.out == "");
  CHECK(desk.err == "No resources found in nobody namespace.\n");
}

TEST_CASE("[CTL] get of several kinds says which one each name is of") {
  Desk desk;
  desk.CreateSlot("a");
  desk.CreateUser("alice");
  CHECK(desk.Type({"get", "users,slots"}) == 0);
  CHECK(desk.out ==
        "NAME                  AGE\nuser.hero.dev/alice   0s\n\n"
        "NAME              SIZE   AGE\nslot.hero.dev/a   2      0s\n");
  CHECK(desk.Type({"get", "user/alice", "slot/a", "-o", "name"}) == 0);
  CHECK(desk.out == "user.hero.dev/alice\nslot.hero.dev/a\n");
}

TEST_CASE("[CTL] get as json, yaml and jsonpath: one object is itself, several are a list") {
  Desk desk;
  desk.CreateUser("alice");
  CHECK(desk.Type({"get", "user", "alice", "-o", "json"}) == 0);
  CHECK(TextAt(*api::codec::ParseJson(desk.out), {"kind"}) == "User");
  CHECK(desk.Type({"get", "users", "-o", "json"}) == 0);
  const Json list = *api::codec::ParseJson(desk.out);
  CHECK(TextAt(list, {"kind"}) == "List");
  CHECK(list.Find("items")->size() == 1);
  CHECK(desk.Type({"get", "user", "alice", "-o", "yaml"}) == 0);
  CHECK(desk.out.starts_with("apiVersion: hero.dev/v1\nkind: User\n"));
  CHECK(desk.Type({"get", "user", "alice", "-o", "jsonpath={.metadata.name}{\"\\n\"}"}) == 0);
  CHECK(desk.out == "alice\n");
  CHECK(desk.Type({"get", "users", "-o", "jsonpath={range .items[*]}{.metadata.name};{end}"}) == 0);
  CHECK(desk.out == "alice;");
}

TEST_CASE("[CTL] get --watch shows what is and what comes, until the server ends it") {
  struct Row {
    const char* output;
    const char* before;
    const char* after;
  };
  const Row rows[] = {
      {"", "NAME   SIZE   AGE\na      2      0s\n", "later   2      0s\n"},
      {"name", "slot.hero.dev/a\n", "slot.hero.dev/later\n"},
      {"jsonpath={.metadata.name};", "a;", "later;"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.output);
    Desk desk;
    desk.CreateSlot("a");
    WatchedOutput output;
    std::ostream out(&output);
    std::ostringstream err;
    const heroctl::Flags flags{
        .command = heroctl::Command::kGet, .objects = {"slots"}, .output = row.output, .is_watch = true};
    auto watching = std::async(std::launch::async, [&] {
      std::istringstream in;
      return heroctl::Run({.client = desk.api.wire, .clock = desk.api.box.api.clock, .in = in, .out = out, .err = err},
                          flags);
    });
    CHECK(output.WaitFor(row.before));
    desk.CreateSlot("later");
    CHECK(output.WaitFor(row.after));
    desk.api.box.served.RequestStop();
    REQUIRE(watching.wait_for(20s) == std::future_status::ready);
    CHECK(watching.get() == 0);
    CHECK(err.str() == "");
  }
}

TEST_CASE("[CTL] events --watch shows what there is and what comes, of the object that was asked for") {
  Desk desk;
  const auto tell = [&](const std::string& about, const std::string& reason) {
    const Json event =
        Json::Of({{"metadata", Json::Of({{"name", about + "." + reason}})},
                  {"involvedObject", Json::Of({{"kind", "User"}, {"apiVersion", "hero.dev/v1"}, {"name", about}})},
                  {"type", "Normal"},
                  {"reason", reason},
                  {"message", "m"},
                  {"lastTimestamp", "2026-11-20T20:58:51Z"}});
    REQUIRE(desk.api.api().Ask("POST", "/api/v1/namespaces/default/events", api::codec::WriteJson(event)).status ==
            201);
  };
  tell("alice", "first");
  WatchedOutput output;
  std::ostream out(&output);
  std::istringstream in;
  std::ostringstream err;
  const heroctl::Flags flags{.command = heroctl::Command::kEvents, .about = "user/alice", .is_watch = true};
  auto watching = std::async(std::launch::async, [&] {
    return heroctl::Run({.client = desk.api.wire, .clock = desk.api.box.api.clock, .in = in, .out = out, .err = err},
                        flags);
  });
  CHECK(output.WaitFor("0s          Normal   first    user/alice   m\n"));
  tell("bob", "other");
  tell("alice", "second");
  CHECK(output.WaitFor("0s          Normal   second   user/alice   m\n"));
  desk.api.box.served.RequestStop();
  CHECK(watching.get() == 0);
  CHECK(!output.WaitFor("other", 0s));
  CHECK(err.str() == "");
}

TEST_CASE("[CTL] errors read as kubectl's") {
  Desk desk;
  struct Row {
    std::vector<std::string> typed;
    const char* said;
  };
  const Row rows[] = {
      {{"get", "users", "x"}, "Error from server (NotFound): users.hero.dev \"x\" not found\n"},
      {{"describe", "user/x"}, "Error from server (NotFound): users.hero.dev \"x\" not found\n"},
      {{"get", "things"}, "error: the server doesn't have a resource type \"things\"; see heroctl kinds\n"},
      {{"get", "users", "-l", "(("},
       "Error from server (BadRequest): unable to parse requirement: expected a label's key at position 1 of \"((\"; a selector looks like a=b,c!=d,e,!f,g in (x,y),h notin (z),i>1\n"},
      {{"get", "users", "a", "-l", "a=b"}, "error: names and a selector exclude each other\n"},
      {{"get", "slots", "a", "-A"}, "error: an object cannot be looked up by name in all namespaces\n"},
      {{"get", "users", "-o", "xml"}, "error: -o is one of wide, yaml, json, name, jsonpath=TEMPLATE, not \"xml\"\n"},
      {{"get", "users", "-o", "jsonpath={.a"},
       "error: jsonpath template: a { is not closed in \"{.a\"; write it as in {.metadata.name}{\"\\n\"}\n"},
      {{"get"}, "error: which kind? For example: heroctl get users\n"},
      {{"get", "user/a", "b"}, "error: \"b\" is no KIND/NAME, and the arguments before it are\n"},
      {{"get", "users,slots", "-w"}, "error: --watch follows one kind, or one object\n"},
      {{"wait", "users", "--for=delete"}, "error: which users? Give names, --all or -l\n"},
      {{"wait", "users", "--all", "--for=condition=Ready"}, "error: no matching resources found\n"},
      {{"wait", "user/a", "--for=Ready"},
       "error: --for is one of delete, condition=TYPE[=VALUE], jsonpath={PATH}=VALUE\n"},
      {{"plan", "users", "a", "b"}, "error: plan takes one kind, or one object\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.said);
    CHECK(desk.Type(row.typed) == 1);
    CHECK(desk.err == row.said);
  }
}

TEST_CASE("[CTL] a mistyped command is 1, never 2; help is 0") {
  Desk desk;
  CHECK(desk.Type({}) == 1);
  CHECK(desk.Type({"plan", "--bogus"}) == 1);
  CHECK(desk.Type({"wait", "users", "--all"}) == 1);
  CHECK(desk.Type({"get", "--help"}) == 0);
  CHECK(desk.out.find("jsonpath=TEMPLATE") != std::string::npos);
  CHECK(desk.Type({"--help"}) == 0);
  CHECK(desk.out.find(
            "Exit codes: 0 done; 1 an error, or a wait that was not met in time; 2 `plan` found something to do, "
            "`validate` something wrong.") != std::string::npos);
}

TEST_CASE("[CTL] describe ends with the events of the object, not of its predecessor") {
  Desk desk;
  desk.CreateUser("alice");
  const std::string uid =
      TextAt(JsonOf(desk.api.api().Ask("GET", "/apis/hero.dev/v1/users/alice")), {"metadata", "uid"});
  for (const std::string& about : {uid, std::string("an-older-uid")}) {
    const Json event = Json::Of({{"metadata", Json::Of({{"name", "e." + about}})},
                                 {"involvedObject", Json::Of({{"uid", about}})},
                                 {"type", "Normal"},
                                 {"reason", "Made"},
                                 {"message", "for " + about}});
    desk.api.api().Ask("POST", "/api/v1/namespaces/default/events", api::codec::WriteJson(event));
  }
  CHECK(desk.Type({"describe", "users"}) == 0);
  CHECK(desk.out.starts_with("Name:         alice\nKind:         User (hero.dev/v1)\n"));
  CHECK(desk.out.find("for " + uid) != std::string::npos);
  CHECK(desk.out.find("an-older-uid") == std::string::npos);
}

TEST_CASE("[CTL] wait: 0 when met, 1 after the timeout") {
  Desk desk;
  desk.CreateUser("alice");
  CHECK(desk.Type({"wait", "user", "alice", "--for=jsonpath={.metadata.name}=alice"}) == 0);
  CHECK(desk.out == "user.hero.dev/alice condition met\n");
  CHECK(desk.Type({"wait", "users", "nobody", "--for=delete"}) == 0);
  CHECK(desk.out == "user.hero.dev/nobody deleted\n");
  CHECK(desk.Type({"wait", "users", "--all", "--for=condition=Ready", "--timeout=0s"}) == 1);
  CHECK(desk.err == "error: timed out waiting for the condition Ready=True on users.hero.dev/alice\n");
}

TEST_CASE("[HTB-18][CTL] plan: 0 when there is nothing to do, 2 when there is, 1 when it cannot be said") {
  Desk desk;
  const auto plan_of = [&](const char* text) { desk.api.api().plan = *api::codec::ParseJson(text); };
  plan_of(R"({"steps":[],"problems":[],"incomplete":false})");
  CHECK(desk.Type({"plan"}) == 0);
  CHECK(desk.out == "Nothing to do.\n");
  plan_of(
      R"({"steps":[{"object":"slots.hero.dev/alice/a","verb":"write","target":"/etc/motd","reason":"differs from the spec"}],"problems":[]})");
  CHECK(desk.Type({"plan", "slot", "a_b", "-n", "alice"}) == 2);
  CHECK(desk.out == "slots.hero.dev/alice/a\n  write /etc/motd: differs from the spec\n1 step for 1 object.\n");
  CHECK(desk.api.api().planned_for.resource == "slots.hero.dev");
  CHECK(desk.api.api().planned_for.namespace_ == "alice");
  CHECK(desk.api.api().planned_for.name == "a-b");
  CHECK(desk.Type({"plan", "-o", "json"}) == 2);
  CHECK(api::codec::ParseJson(desk.out));
  plan_of(R"({"steps":[],"problems":[{"object":"a","message":"b"}]})");
  CHECK(desk.Type({"plan"}) == 1);
  desk.api.api().plan = api::Error{api::Code::kNotFound, "NotFound", "users.hero.dev \"x\" not found"};
  CHECK(desk.Type({"plan", "user", "x"}) == 1);
}

TEST_CASE("[CTL] version names both sides, in json too") {
  Desk desk;
  CHECK(desk.Type({"version", "-o", "json"}) == 0);
  const Json both = *api::codec::ParseJson(desk.out);
  CHECK(TextAt(both, {"clientVersion", "heroVersion"}) == TextAt(both, {"serverVersion", "heroVersion"}));
  CHECK(desk.Type({"version"}) == 0);
  CHECK(desk.out.starts_with("heroctl "));
}

TEST_CASE("[CTL] without a daemon the program says where it looked and what to do, and exits 1") {
  TempDir dir;
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  Program heroctl("heroctl", {"get", "users", "--socket", dir / "none.sock"}, nowhere);
  close(nowhere);
  const std::string err = heroctl.ReadErrors();
  const int status = heroctl.Wait();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
  CHECK(err == "error: cannot reach herod at " + (dir / "none.sock") +
                   ": No such file or directory; is it running? (see --socket)\n");
}

TEST_CASE("[CTL] a closed pipe ends the program without a word") {
  Desk desk;
  desk.CreateUser("alice");
  std::array<int, 2> pipe_ends{};
  REQUIRE(pipe2(pipe_ends.data(), O_CLOEXEC) == 0);
  close(pipe_ends[0]);
  Program heroctl("heroctl", {"get", "users", "--socket", desk.api.box.served.path()}, pipe_ends[1]);
  close(pipe_ends[1]);
  CHECK(heroctl.ReadErrors() == "");
  const int status = heroctl.Wait();
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGPIPE);
}
