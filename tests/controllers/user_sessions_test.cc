// SEC-11: expiry keeps logins out; what runs already has to be ended, in an order that nobody gets through.
#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

namespace {

using tests::BoxHarness;

struct SessionsBox : BoxHarness {
  SessionsBox() {
    DeclareTeam();
    Push({{"alice.toml", UserFile("alice")}, {"bob.toml", UserFile("bob")}});
    sessions.Put("alice", {.processes = 3, .lingers = true, .jobs = 2});
    sessions.Put("bob", {.processes = 1});
  }
  void Deactivate() {
    Push({{"alice.toml", UserFile("alice", "deactivated = true\n")}, {"bob.toml", UserFile("bob")}});
  }
  void Remove() { Push({{"bob.toml", UserFile("bob")}}); }
};

TEST_CASE("[HTB-15][SEC-11] user: a deactivated member's sessions end, jobs stay, and the others' run on") {
  SessionsBox box;
  box.Deactivate();
  CHECK(box.accounts.Get("alice")->is_expired);
  CHECK(box.sessions.Get("alice") == host::SessionsState{.jobs = 2});
  CHECK(box.sessions.Get("bob").processes == 1);
  CHECK(box.sessions.Ended() == std::vector<std::string>{"alice"});
  CHECK(box.Ready("alice") == "True Reconciled");
  const int writes = box.sessions.writes();
  box.PassAnHour();
  CHECK(box.sessions.writes() == writes);
}

TEST_CASE("[HTB-15][SEC-11] user: what starts for a deactivated member later is ended at the next look") {
  SessionsBox box;
  box.Deactivate();
  box.sessions.Put("alice", {.processes = 1});
  box.PassAnHour();
  CHECK(box.sessions.Get("alice").processes == 0);
}

TEST_CASE("[HTB-16][SEC-11][SEC-12] user: a removed member's sessions and jobs end before the work is archived") {
  SessionsBox box;
  box.archives.PutWork("/home/alice");
  box.sessions.FailNth(2, {api::Code::kUnavailable, "ProcessesLeft", "1 process does not end"});  // The first End.
  box.Remove();
  box.PassAnHour();
  CHECK(box.sessions.Get("alice") == host::SessionsState{});
  CHECK(box.archives.Names().size() == 1);
}

TEST_CASE("[HTB-16][SEC-12] user: nothing is archived while nobody can say what still runs") {
  SessionsBox box;
  box.archives.PutWork("/home/alice");
  box.sessions.FailNth(1, {api::Code::kUnavailable, "NoPriv", "herod-priv does not answer"});
  box.Remove();
  // Looked at again it was fine; had it not been, the archive would have waited.
  box.PassAnHour();
  CHECK(box.archives.Names().size() == 1);
  CHECK(box.sessions.Get("alice") == host::SessionsState{});
}

TEST_CASE("[SEC-11] user: a member who comes back keeps what runs from then on") {
  SessionsBox box;
  box.Deactivate();
  box.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  box.sessions.Put("alice", {.processes = 5});
  box.PassAnHour();
  CHECK(box.sessions.Get("alice").processes == 5);
}

}  // namespace
