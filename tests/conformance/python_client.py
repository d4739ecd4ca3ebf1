"""The Python client of Kubernetes, as Debian has it: custom objects, the dynamic client, typed kinds, watches."""
import contextlib
import json
import os
import threading

import slots
from steps import Skip, contains, equal, eventually

try:
    import kubernetes
    from kubernetes import watch
    from kubernetes.client.exceptions import ApiException
    from kubernetes.dynamic.exceptions import DynamicApiError
except ImportError:
    kubernetes = None

SLOTS = ("hero.dev", "v1", "slots")


@contextlib.contextmanager
def refused(code, reason):
    """What is inside has to be refused so."""
    try:
        yield
    except (ApiException, DynamicApiError) as error:
        equal(error.status, code)
        contains(str(error.body), f'"reason":"{reason}"')
    else:
        raise AssertionError(f"that should have been refused with {code}")


def slot(name, **spec):
    return {"apiVersion": "hero.dev/v1", "kind": "Slot", "metadata": {"name": name}, "spec": {"user": "jo", **spec}}


class Followed:
    """A watch as a program has it: it goes on from the last version whenever it breaks, and lists anew when it is told to."""

    def __init__(self, api, label):
        self.api, self.label, self.have, self.stop = api, label, {}, threading.Event()
        self.breaks, self.trouble = 0, None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        version = None
        while not self.stop.is_set():
            try:
                version = self._follow(version)
            except ApiException as error:
                if error.status not in (410, 429, 500, 503):
                    self.trouble = error
                    return
                version = None
            except Exception:  # Each layer below has its own way to say that the connection broke.
                self.breaks += 1
                self.stop.wait(0.05)

    def _follow(self, version):
        if version is None:
            found = self.api.list_cluster_custom_object(*SLOTS, label_selector=self.label)
            self.have = {i["metadata"]["name"]: i for i in found["items"]}
            version = found["metadata"]["resourceVersion"]
        self.version = version
        for event in watch.Watch().stream(self.api.list_cluster_custom_object, *SLOTS, label_selector=self.label,
                                          resource_version=self.version, timeout_seconds=2):
            name = event["object"]["metadata"]["name"]
            if event["type"] == "DELETED":
                assert self.have.pop(name, None), f"{name} went twice"
            else:
                equal(event["type"], "MODIFIED" if name in self.have else "ADDED")
                self.have[name] = event["object"]
            self.version = event["object"]["metadata"]["resourceVersion"]
        return self.version

    def close(self):
        self.stop.set()
        self.thread.join(timeout=10)
        if self.trouble:
            raise self.trouble


class PythonClient:
    def __init__(self, box):
        self.box, self.home = box, os.path.join(box.root, "home-python")
        self.config = box.kubeconfig(self.home)

    def api(self):
        if kubernetes is None:
            raise Skip("python3-kubernetes is not installed")
        return kubernetes.config.new_client_from_config(self.config)

    def custom(self):
        return kubernetes.client.CustomObjectsApi(self.api())

    def dynamic(self):
        cache = os.path.join(self.home, "discovery.json")
        return kubernetes.dynamic.DynamicClient(self.api(), cache_file=cache)

    def custom_objects(self):
        """[WIRE] custom objects are made, read, listed, replaced and removed"""
        api = self.custom()
        slots.drop(self.box, "py-1")
        made = api.create_cluster_custom_object(*SLOTS, slot("py-1", template="t1"))
        equal((made["metadata"]["generation"], made["spec"]["template"]), (1, "t1"))
        with refused(409, "AlreadyExists"):
            api.create_cluster_custom_object(*SLOTS, slot("py-1"))
        read = api.get_cluster_custom_object(*SLOTS, "py-1")
        equal(read["metadata"]["uid"], made["metadata"]["uid"])
        assert "py-1" in [i["metadata"]["name"] for i in api.list_cluster_custom_object(*SLOTS)["items"]]
        read["spec"]["template"] = "t2"
        equal(api.replace_cluster_custom_object(*SLOTS, "py-1", read)["metadata"]["generation"], 2)
        with refused(409, "Conflict"):
            api.replace_cluster_custom_object(*SLOTS, "py-1", read)
        with refused(422, "Invalid"):
            api.replace_cluster_custom_object(*SLOTS, "py-1", slot("py-1"))
        gone = api.delete_cluster_custom_object(*SLOTS, "py-1", body=kubernetes.client.V1DeleteOptions(propagation_policy="Background"))
        equal((gone["status"], gone["details"]["kind"]), ("Success", "slots"))
        with refused(404, "NotFound"):
            api.get_cluster_custom_object(*SLOTS, "py-1")

    def custom_patches(self):
        """[WIRE] custom objects are patched; a list sent as a merge patch is refused"""
        api = self.custom()
        slots.make(self.box, "py-2", template="t1")
        equal(api.patch_cluster_custom_object(*SLOTS, "py-2", {"spec": {"template": "t2"}})["spec"]["template"], "t2")
        with refused(400, "BadRequest"):
            api.patch_cluster_custom_object(*SLOTS, "py-2", [{"op": "remove", "path": "/spec/template"}])
        status = api.patch_cluster_custom_object_status(*SLOTS, "py-2", {"status": {"handled": {"x": "1"}}, "spec": {"template": "no"}})
        equal((status["status"]["handled"], status["spec"]["template"]), ({"x": "1"}, "t2"))
        equal(api.get_cluster_custom_object_status(*SLOTS, "py-2")["status"]["handled"], {"x": "1"})
        with refused(422, "Invalid"):
            api.patch_cluster_custom_object(*SLOTS, "py-2", {"spec": {"user": "Not A Name"}})

    def watches(self):
        """[WIRE] a watch ends after its timeout, and one from too long ago is told so"""
        slots.make(self.box, "py-w", labels={"in": "py-w"})
        api = self.custom()
        seen = list(watch.Watch().stream(api.list_cluster_custom_object, *SLOTS, label_selector="in=py-w", timeout_seconds=1))
        equal([(e["type"], e["object"]["metadata"]["name"]) for e in seen], [("ADDED", "py-w")])
        for number in range(2100):  # More than the 2 000 revisions that are kept.
            slots.merge(self.box, "py-w", {"metadata": {"annotations": {"n": str(number)}}})
        try:
            list(watch.Watch().stream(api.list_cluster_custom_object, *SLOTS, resource_version="1", timeout_seconds=5))
        except ApiException as error:
            equal(error.status, 410)
        else:
            raise AssertionError("a watch from revision 1 should have ended with 410")

    def watch_over_restart(self):
        """[WIRE] a watch goes on over a kill -9 of the daemon, and its copy is the store"""
        slots.make(self.box, "py-r0", labels={"in": "py-r"})
        followed = Followed(self.custom(), "in=py-r")
        try:
            eventually(10, lambda: "py-r0" in followed.have, "the first is seen")
            for number in range(1, 4):
                slots.make(self.box, f"py-r{number}", labels={"in": "py-r"})
                self.box.kill()
                self.box.start()
                slots.merge(self.box, f"py-r{number}", {"spec": {"template": f"t{number}"}})
                slots.drop(self.box, f"py-r{number - 1}")
            last = slots.get(self.box, "py-r3")
            eventually(20, lambda: followed.have == {"py-r3": last}, lambda: followed.have)
        finally:
            followed.close()
        assert followed.breaks > 0, "the watch never broke, so nothing was tried"

    def dynamic_objects(self):
        """[WIRE] the dynamic client finds the kind, makes, patches, watches and removes"""
        kind = self.dynamic().resources.get(api_version="hero.dev/v1", kind="Slot")
        equal((kind.name, kind.namespaced), ("slots", False))
        slots.drop(self.box, "py-d")
        equal(kind.create(body=slot("py-d", template="t1")).metadata.generation, 1)
        with refused(415, "UnsupportedMediaType"):
            kind.patch(body={"metadata": {"name": "py-d"}, "spec": {"template": "t2"}}, name="py-d")
        merged = kind.patch(body={"spec": {"template": "t2"}}, name="py-d", content_type="application/merge-patch+json")
        equal(merged.spec.template, "t2")
        seen = [(e["type"], e["object"].metadata.name) for e in kind.watch(field_selector="metadata.name=py-d", timeout=1)]
        equal(seen, [("ADDED", "py-d")])
        equal(kind.get(label_selector="none=such").items, [])
        kind.delete(name="py-d")
        with refused(404, "NotFound"):
            kind.get(name="py-d")

    def dynamic_collection(self):
        """[WIRE] the dynamic client removes by label"""
        for name in ("py-3", "py-4"):
            slots.make(self.box, name, labels={"in": "py-del"})
        slots.make(self.box, "py-5", labels={"in": "other"})
        kind = self.dynamic().resources.get(api_version="hero.dev/v1", kind="Slot")
        gone = kind.delete(label_selector="in=py-del")
        equal([i.metadata.name for i in gone.items], ["py-3", "py-4"])
        eventually(10, lambda: slots.get(self.box, "py-4") is None)
        assert slots.get(self.box, "py-5")

    def dynamic_apply(self):
        """[WIRE] the dynamic client applies server-side"""
        kind = self.dynamic().resources.get(api_version="hero.dev/v1", kind="Slot")
        slots.drop(self.box, "py-a")
        # As text: of this version the body of an apply cannot be anything else.
        apply = lambda template, **how: kind.server_side_apply(body=json.dumps(slot("py-a", template=template)), name="py-a", **how)
        apply("t1", field_manager="first")
        with refused(409, "Conflict"):
            apply("t2", field_manager="second")
        apply("t2", field_manager="second", force_conflicts=True)
        equal(slots.get(self.box, "py-a")["spec"]["template"], "t2")

    def typed(self):
        """[WIRE] typed clients: version, namespaces whose bodies have no kind, events"""
        api = self.api()
        contains(kubernetes.client.VersionApi(api).get_code().git_version, "hero")
        core = kubernetes.client.CoreV1Api(api)
        name = kubernetes.client.V1Namespace(metadata=kubernetes.client.V1ObjectMeta(name="py-ns"))
        equal(core.create_namespace(name).metadata.name, "py-ns")
        equal(core.read_namespace("py-ns").status.phase, "Active")
        core.delete_namespace("py-ns")
        eventually(10, lambda: "py-ns" not in [n.metadata.name for n in core.list_namespace().items], "the namespace is gone")
        about = core.list_event_for_all_namespaces(field_selector="involvedObject.name=alice,involvedObject.kind=User")
        assert about.items and {e.involved_object.name for e in about.items} == {"alice"}, about

    def typed_lease(self):
        """[WIRE] a lease keeps its microseconds, and of two writers one wins"""
        api = kubernetes.client.CoordinationV1Api(self.api())
        spec = {"holderIdentity": "a", "leaseDurationSeconds": 5, "renewTime": "2026-01-02T03:04:05.678901Z"}
        with contextlib.suppress(ApiException):
            api.delete_namespaced_lease("py-lease", "default")
        made = api.create_namespaced_lease("default", {"metadata": {"name": "py-lease"}, "spec": spec})
        equal(made.spec.renew_time.microsecond, 678901)
        made.spec.holder_identity = "b"
        api.replace_namespaced_lease("py-lease", "default", made)
        with refused(409, "Conflict"):
            api.replace_namespaced_lease("py-lease", "default", made)
        api.delete_namespaced_lease("py-lease", "default")

    def typed_reviews(self):
        """[D-07] an access review tells what one may do"""
        api = kubernetes.client.AuthorizationV1Api(self.api())
        asked = {"spec": {"resourceAttributes": {"group": "hero.dev", "resource": "slots", "verb": "create"}}}
        equal(api.create_self_subject_access_review(asked).status.allowed, True)

    def typed_crds(self):
        """[WIRE] the kinds of the box are CustomResourceDefinitions"""
        found = kubernetes.client.ApiextensionsV1Api(self.api()).list_custom_resource_definition()
        have = {c.metadata.name: c for c in found.items}
        assert {"slots.hero.dev", "users.hero.dev"} <= set(have), have.keys()
        conditions = {c.type: c.status for c in have["slots.hero.dev"].status.conditions}
        equal(conditions, {"NamesAccepted": "True", "Established": "True"})
