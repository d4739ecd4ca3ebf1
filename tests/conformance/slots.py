"""Slots: the kind that the suites play with, for no controller looks after it."""
import json

from box import Refused
from steps import eventually

PATH = "/apis/hero.dev/v1/slots"


def manifest(name, suite="", **spec):
    labels = f"\n  labels: {{suite: {suite}}}" if suite else ""
    return f"apiVersion: hero.dev/v1\nkind: Slot\nmetadata:\n  name: {name}{labels}\nspec: {json.dumps({'user': 'jo', **spec})}\n"


def make(box, name, /, finalizers=(), labels=None, **spec):
    """A new one, whatever was there before under its name."""
    drop(box, name)
    metadata = {"name": name, "labels": labels or {}, "finalizers": list(finalizers)}
    return box.call("POST", PATH, {"apiVersion": "hero.dev/v1", "kind": "Slot", "metadata": metadata, "spec": {"user": "jo", **spec}})


def get(box, name):
    """None: it is not there."""
    try:
        return box.call("GET", f"{PATH}/{name}")
    except Refused as refused:
        if refused.code == 404:
            return None
        raise


def merge(box, name, patch, sub=""):
    return box.call("PATCH", f"{PATH}/{name}{sub}", patch, kind="application/merge-patch+json")


def ready(box, name, status="True"):
    condition = {"type": "Ready", "status": status, "reason": "Tried", "message": "by hand", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return merge(box, name, {"status": {"conditions": [condition]}}, "/status")


def drop(box, name):
    if get(box, name) is None:
        return
    merge(box, name, {"metadata": {"finalizers": None}})
    if get(box, name) is not None:
        box.call("DELETE", f"{PATH}/{name}")
    eventually(10, lambda: get(box, name) is None, f"{name} is gone")
