"""A third party's kinds, from their CustomResourceDefinitions to their end, as kubectl sees them."""
import json
import os

from box import Refused
from steps import contains, equal, eventually

CRDS = os.path.join(os.path.dirname(__file__), "go/widgets/crds.yaml")


def manifest(name, namespace="", **spec):
    place = f", namespace: {namespace}" if namespace else ""
    return f"apiVersion: example.dev/v1\nkind: Widget\nmetadata: {{name: {name}{place}}}\nspec: {json.dumps(spec)}\n"


class Kinds:
    """The steps build on each other: a kind comes, is used, changes and goes."""

    def __init__(self, kubectl, box):
        self.k, self.box = kubectl, box

    def call(self, method, name="", body=None, namespace="kinds", **more):
        return self.box.call(method, f"/apis/example.dev/v1/namespaces/{namespace}/widgets" + (f"/{name}" if name else ""), body, **more)

    def get(self, name):
        try:
            return self.call("GET", name)
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    def define(self):
        """[D-02] a kind of a third party is defined, and served at once"""
        equal(self.k("create", "-f", CRDS).out.split("\n")[:2],
              [f"customresourcedefinition.apiextensions.k8s.io/{kind}.example.dev created" for kind in ("widgets", "parts")])
        contains(self.k("wait", "--for=condition=Established", "crd/widgets.example.dev", "--timeout=10s").out, "condition met")
        head, row = self.k("get", "crd", "widgets.example.dev").out.splitlines()
        equal((head.split(), row.split()[0]), (["NAME", "CREATED", "AT"], "widgets.example.dev"))
        contains(self.k("describe", "crd", "slots.hero.dev").out, "Kind:         CustomResourceDefinition", "Plural:", "NamesAccepted")
        rows = [line.split() for line in self.k("api-resources", "--api-group=example.dev").out.splitlines()]
        equal(rows[1:], [["parts", "example.dev/v1", "true", "Part"], ["widgets", "wd", "example.dev/v1", "true", "Widget"]])
        contains(self.k("explain", "widget.spec.size").out, "<integer>", "How many parts it has.")

    def ours(self):
        """[D-07] the kinds of the box cannot be redefined or removed"""
        contains(self.k.refused("delete", "crd", "slots.hero.dev"), "(Forbidden)")
        contains(self.k.refused("patch", "crd", "slots.hero.dev", "--type=merge", "-p", '{"spec":{"scope":"Namespaced"}}'), "orbidden")
        contains(self.k("get", "crd", "slots.hero.dev", "-o", "name").out, "slots.hero.dev")

    def space(self):
        """[WIRE] objects live in namespaces that there are"""
        self.k("create", "ns", "kinds")
        contains(self.k.refused("create", "-f", self.k.file(manifest("x", "nowhere", size=1))), '(NotFound)', 'namespaces "nowhere" not found')
        self.k("apply", "-f", self.k.file(manifest("one", "kinds", size=2)))
        self.k("apply", "-n", "default", "-f", self.k.file(manifest("two", size=3)))
        equal(self.k("get", "wd", "-n", "kinds", "-o", "name").out, "widget.example.dev/one\n")
        head, *rows = self.k("get", "widgets", "-A").out.splitlines()
        equal(head.split(), ["NAMESPACE", "NAME", "SIZE", "READY", "AGE"])
        equal([row.split()[:3] for row in rows], [["default", "two", "3"], ["kinds", "one", "2"]])
        contains(self.k("get", "all", "-n", "kinds").out, "widget.example.dev/one")
        contains(self.k("get", "wd", "-n", "kinds", "-o", "wide").out, "IMAGE", "base:1")
        contains(self.k.refused("apply", "-n", "default", "-f", self.k.file(manifest("one", "kinds", size=2))), "the namespace from the provided object \"kinds\" does not match")

    def schema(self):
        """[WIRE] the schema fills in, prunes and refuses"""
        equal(self.get("one")["spec"], {"size": 2, "image": "base:1", "mode": "Fast"})
        bad = manifest("bad", "kinds", size=99, image="BAD", mode="Nope", tags=["a", "a"], ports=[{"name": "p"}])
        said = self.k.refused("create", "--validate=false", "-f", self.k.file(bad))
        contains(said, 'The Widget "bad" is invalid:', "* spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10",
                 "* spec.image: Invalid value: \"BAD\": spec.image in body should match '^[a-z]+:[0-9]+$'",
                 '* spec.mode: Unsupported value: "Nope": supported values: "Fast", "Slow"', "* spec.ports[0].port: Required value")
        said = self.k.refused("create", "-f", self.k.file(manifest("bad", "kinds", size=1, tags=["a", "a"])))
        contains(said, 'spec.tags[1]: Duplicate value: "a"')

    def apply_lists(self):
        """[WIRE] apply --server-side merges lists by their key"""
        def apply(manager, *more, **spec):
            return self.k.run("apply", "--server-side", f"--field-manager={manager}", *more, "-f", self.k.file(manifest("ssa", "kinds", **spec)))
        web, api = {"name": "web", "port": 80}, {"name": "api", "port": 81}
        equal(apply("m1", size=2, ports=[web], labels={"a": "1"}).rc, 0)
        contains(apply("m2", size=3).err, 'Apply failed with 1 conflict: conflict with "m1": .spec.size')
        equal(apply("m2", size=2, ports=[api], labels={"b": "1"}).rc, 0)
        equal(self.get("ssa")["spec"]["ports"], [web, api])
        equal(apply("m2", "--force-conflicts", size=3).rc, 0)
        equal({key: self.get("ssa")["spec"].get(key) for key in ("size", "ports", "labels")}, {"size": 3, "ports": [web], "labels": {"a": "1"}})

    def delete_all(self):
        """[WIRE] delete --all removes what is in a namespace, and nothing elsewhere"""
        self.k("delete", "ns", "emptied", "--ignore-not-found")
        self.k("create", "ns", "emptied")
        for name in ("e1", "e2"):
            self.k("apply", "-f", self.k.file(manifest(name, "emptied", size=1)))
        contains(self.k("delete", "wd", "--all", "-n", "emptied").out, '"e1" deleted', '"e2" deleted')
        equal(self.k("get", "wd", "-n", "emptied", "-o", "name").out, "")
        assert self.get("one")
        self.k("delete", "ns", "emptied")

    def restart(self):
        """[D-02] kinds and their objects are there after a kill -9"""
        before = self.get("one")
        self.box.kill()
        self.box.start()
        equal(self.get("one"), before)
        self.k("apply", "-f", self.k.file(manifest("one", "kinds", size=4)))
        equal(self.get("one")["metadata"]["generation"], 2)

    def change(self):
        """[D-02] a changed schema holds for the next write"""
        path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties"
        patch = [{"op": "replace", "path": f"{path}/size/maximum", "value": 20}, {"op": "add", "path": f"{path}/colour", "value": {"type": "string"}}]
        self.k("patch", "crd", "widgets.example.dev", "--type=json", "-p", json.dumps(patch))
        eventually(10, lambda: self.call("PATCH", "one", {"spec": {"size": 15, "colour": "red"}}, kind="application/merge-patch+json")["spec"].get("colour") == "red")
        equal(self.get("one")["spec"]["size"], 15)

    def space_ends(self):
        """[WIRE] a namespace takes what is in it along"""
        contains(self.k("delete", "ns", "kinds").out, 'namespace "kinds" deleted')
        equal(self.k("get", "wd", "-A", "--no-headers").out.split()[:2], ["default", "two"])
        equal(self.get("one"), None)

    def ends(self):
        """[D-02] a kind that is removed takes its objects along"""
        with self.k.watch("get", "wd", "-n", "default", "-w", "--output-watch-events") as lines:
            lines.until("two")
            contains(self.k("delete", "-f", CRDS).out, '"widgets.example.dev" deleted')
            lines.until("DELETED")
        contains(self.k.refused("get", "crd", "widgets.example.dev"), "not found")
        try:
            self.call("GET")
        except Refused as refused:
            equal(refused.code, 404)
        else:
            raise AssertionError("the kind is still served")
        self.k("create", "-f", CRDS)
        eventually(10, lambda: self.k.run("get", "wd", "-A").rc == 0)
        equal(self.k("get", "wd", "-A").out, "")
        self.k("delete", "-f", CRDS)
