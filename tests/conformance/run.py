"""The Kubernetes wire against clients that we did not write. hack/conformance starts it, with what it needs in place."""
import argparse
import os
import sys

from box import Box
from go_clients import GoClients
from kubectl import Kubectl
from kubectl_kinds import Kinds
from kubectl_read import Reading
from kubectl_write import Writing
from python_client import PythonClient
from steps import Skip, Steps


# Steps whose part of the server is not there yet, and which part. They are run, and count as skipped while they fail.
NOT_YET = {
    "api-versions lists every group": "the groups of reviews, leases, events and CRDs",
    "describe shows an object with its events": "field selectors of events",
    "events are found by what they are about": "field selectors of events",
    "a namespace is made, shown, described and removed": "phases of namespaces, protobuf bodies",
    "auth can-i tells what one may do": "access reviews",
    "create fills in a generated name": "generateName",
    "apply --dry-run=server and diff say what would be, and change nothing": "server-side apply",
    "apply --server-side owns fields, meets conflicts and takes over by force": "server-side apply",
    "apply --server-side takes over what apply made": "server-side apply",
    "replace writes the whole object; --force makes it anew": "404 for what is not there",
    "the dynamic client removes by label": "deletion of collections",
    "the dynamic client applies server-side": "server-side apply",
    "typed clients: version, namespaces whose bodies have no kind, events": "phases of namespaces, field selectors of events",
    "a lease keeps its microseconds, and of two writers one wins": "leases",
    "an access review tells what one may do": "access reviews",
    "the kinds of the box are CustomResourceDefinitions": "CRDs as objects",
    "Apply owns fields, meets a conflict and takes over by force": "server-side apply",
    "the typed client makes a namespace in protobuf, watches and removes it": "phases of namespaces",
    "the typed client asks in protobuf what it may do": "access reviews",
    "of two candidates one leads, and the other after it let go": "leases",
    "the classic recorder counts an event that comes again": "events written by clients, field selectors of events",
    "the recorder of events.k8s.io writes what core/v1 shows": "events written by clients, field selectors of events",
    "a controller-runtime manager runs a controller for a kind of a third party": "kinds of third parties",
    "a kind of a third party is defined, and served at once": "kinds of third parties",
    "the kinds of the box cannot be redefined or removed": "kinds of third parties",
    "objects live in namespaces that there are": "kinds of third parties",
    "the schema fills in, prunes and refuses": "kinds of third parties",
    "apply --server-side merges lists by their key": "kinds of third parties",
    "delete --all removes what is in a namespace, and nothing elsewhere": "kinds of third parties",
    "kinds and their objects are there after a kill -9": "kinds of third parties",
    "a changed schema holds for the next write": "kinds of third parties",
    "a namespace takes what is in it along": "kinds of third parties",
    "a kind that is removed takes its objects along": "kinds of third parties",
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
    steps = Steps(args.logs, args.only, NOT_YET)
    for suite, why in (skip.split("=", 1) for skip in args.skip):
        steps.step("[WIRE]", suite, skipped(why))
    box = Box(args.bin, args.top, args.logs)
    try:
        for name, binary in (k.split("=", 1) for k in args.kubectl):
            kubectl = Kubectl(binary, box, os.path.join(box.root, f"home-{name}"))
            for part in (Reading, Writing, Kinds):
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
