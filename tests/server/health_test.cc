#include <string>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

TEST_CASE("[WIRE] a box that is well says ok, and with what if it is asked") {
  ApiBox box;
  box.readiness = {{.name = "store"}, {.name = "informers"}};
  for (const char* const probe : {"/healthz", "/livez", "/readyz", "/readyz/", "/readyz/store", "/livez/ping"}) {
    CAPTURE(probe);
    const auto response = box.Ask("GET", probe);
    CHECK(response.status == 200);
    CHECK(response.body == "ok");
    CHECK(HeaderOf(response, "Content-Type") == "text/plain; charset=utf-8");
  }
  CHECK(box.Ask("GET", "/readyz?verbose").body == "[+]ping ok\n[+]store ok\n[+]informers ok\nreadyz check passed\n");
  CHECK(box.Ask("GET", "/livez?verbose=true").body == "[+]ping ok\nlivez check passed\n");
  CHECK(box.Ask("GET", "/readyz?verbose=false").body == "ok");
  for (const char* const missing : {"/readyz/bogus", "/livez/store", "/readyz/store/x"})
    CHECK(box.Ask("GET", missing).status == 404);
  CHECK(box.Ask("POST", "/readyz/store").status == 405);
}

TEST_CASE("[WIRE] a box that cannot work is alive and not ready, and says why") {
  ApiBox box;
  box.readiness = {{.name = "store", .failure = "DiskFull"}, {.name = "informers"}};
  CHECK(box.Ask("GET", "/livez").status == 200);  // Starting anew mends no full disk.
  CHECK(box.Ask("GET", "/healthz").status == 200);
  const auto ready = box.Ask("GET", "/readyz");
  CHECK(ready.status == 500);
  CHECK(ready.body == "[+]ping ok\n[-]store failed: DiskFull\n[+]informers ok\nreadyz check failed\n");
  const auto store = box.Ask("GET", "/readyz/store");
  CHECK(store.status == 500);
  CHECK(store.body == "internal server error: DiskFull\n");
  CHECK(box.Ask("GET", "/readyz/informers").status == 200);
}

TEST_CASE("[WIRE] checks can be left out by their names") {
  ApiBox box;
  box.readiness = {{.name = "store", .failure = "DiskFull"}, {.name = "informers", .failure = "not read yet"}};
  CHECK(box.Ask("GET", "/readyz?exclude=store").status == 500);
  const auto both = box.Ask("GET", "/readyz?exclude=store&exclude=informers&verbose");
  CHECK(both.status == 200);
  CHECK(both.body == "[+]ping ok\n[+]store excluded: ok\n[+]informers excluded: ok\nreadyz check passed\n");
  CHECK(box.Ask("GET", "/livez?exclude=store&verbose").body ==
        "[+]ping ok\nwarn: some health checks cannot be excluded: no matches for \"store\"\nlivez check passed\n");
}
