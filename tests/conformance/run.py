"""The Kubernetes wire against clients that we did not write. hack/conformance starts it, with what it needs in place."""
import argparse
import os
import signal
import sys

from box import Box
from go_clients import GoClients
from kubectl import Kubectl
from kubectl_identity import Identity
from kubectl_kinds import Kinds
from kubectl_read import Reading
from kubectl_write import Writing
from python_client import PythonClient
from steps import Skip, Steps


# Steps whose part of the server is not there yet, and which part. They are run, and count as skipped while they fail.
NOT_YET = {
    "create fills in a generated name": "generateName",
    "replace writes the whole object; --force makes it anew": "404 for what is not there",
    "an object cannot be made in a namespace that is not there": "namespaces that are looked for",
    "a namespace takes what is in it along": "the end of namespaces",
    "the dynamic client removes by label": "deletion of collections",
    "a controller-runtime manager runs a controller for a kind of a third party": "the collector sees kinds of third parties",
}


def skipped(why):
    def run():
        raise Skip(why)
    return run


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--bin", required=True, help="where herod and heroctl are")
    parse.add_argument("--top", required=True, help="the top of the tree")
    parse.add_argument("--logs", required=True)
    parse.add_argument("--kubectl", action="append", default=[], metavar="NAME=FILE")
    parse.add_argument("--go", default="", help="the Go clients")
    parse.add_argument("--skip", action="append", default=[], metavar="SUITE=WHY", help="what cannot be tried here")
    parse.add_argument("only", nargs="?", default="", help="steps with this in their text")
    args = parse.parse_args()
    for end in (signal.SIGTERM, signal.SIGHUP):  # As Ctrl-C: what was started ends with us.
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    steps = Steps(args.logs, args.only, NOT_YET)
    for suite, why in (skip.split("=", 1) for skip in args.skip):
        steps.step("[WIRE]", suite, skipped(why))
    box = Box(args.bin, args.logs)
    try:
        box.open(os.path.join(args.top, "examples/hero_team"))
        for name, binary in (k.split("=", 1) for k in args.kubectl):
            kubectl = Kubectl(binary, box, os.path.join(box.root, f"home-{name}"))
            for part in (Reading, Writing, Kinds, Identity):
                steps.suite(f"kubectl {name}", part(kubectl, box))
        steps.suite("Python", PythonClient(box))
        if args.go:
            go = GoClients(args.go, box)
            go.into(steps)
            steps.step("[SEC-61]", "Go: writers, watchers and informers over kill -9: no acknowledged write is lost, each replay is the store",
                       go.stress, int(os.environ.get("HERO_TEST_SEED", "1")), os.environ.get("HERO_SOAK") == "1")
        steps.step("[WIRE]", "herod lived through all of it", box.alive_still)
    finally:
        box.close()
    print(steps.summary(), flush=True)
    sys.exit(1 if steps.counts["failed"] or not steps.counts["ok"] else 0)


if __name__ == "__main__":
    main()
