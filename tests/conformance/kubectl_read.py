"""What kubectl shows: get in every form, watches, describe, explain, discovery."""
import json

import slots
from steps import contains, equal


class Reading:
    def __init__(self, kubectl, box):
        self.k, self.box = kubectl, box

    def version(self):
        """[WIRE] version says what the server is"""
        contains(self.k("version").out.replace("Major:\"1\", Minor:\"30\", Git", ""), "v1.30.0-hero")

    def api_versions(self):
        """[WIRE] api-versions lists every group"""
        said = self.k("api-versions").out.split()
        for group in ("v1", "hero.dev/v1", "apiextensions.k8s.io/v1", "authorization.k8s.io/v1", "coordination.k8s.io/v1", "events.k8s.io/v1"):
            assert group in said, f"no {group} in {said}"

    def api_resources(self):
        """[WIRE] api-resources lists kinds with short names, scope and verbs"""
        rows = [line.split() for line in self.k("api-resources", "--api-group=hero.dev").out.splitlines()]
        equal([r for r in rows if r[0] == "slots"], [["slots", "sl", "hero.dev/v1", "false", "Slot"]])
        equal(rows[0], ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"])
        names = self.k("api-resources", "--namespaced=false", "--verbs=list,watch,patch,delete", "-o", "name").out.split()
        assert {"slots.hero.dev", "users.hero.dev", "namespaces"} <= set(names), names

    def table(self):
        """[WIRE] get shows the columns of the kind"""
        slots.make(self.box, "tab", template="developer", box="box1")
        slots.ready(self.box, "tab")
        head, row = self.k("get", "slots", "tab").out.splitlines()
        equal(head.split(), ["NAME", "USER", "BOX", "TEMPLATE", "READY", "AGE"])
        equal(row.split()[:5], ["tab", "jo", "box1", "developer", "True"])
        head, row = self.k("get", "slot", "tab", "-o", "wide").out.splitlines()
        equal(head.split(), ["NAME", "USER", "BOX", "TEMPLATE", "READY", "REASON", "AGE"])
        equal(row.split()[5], "Tried")
        equal(self.k("get", "sl", "tab", "--no-headers").out.split()[0], "tab")

    def forms(self):
        """[WIRE] get writes name, json, yaml, jsonpath, go-template and custom columns"""
        slots.make(self.box, "form", labels={"tier": "gold"}, template="t1")
        equal(self.k("get", "slot/form", "-o", "name").out, "slot.hero.dev/form\n")
        made = json.loads(self.k("get", "slot", "form", "-o", "json").out)
        equal((made["apiVersion"], made["kind"], made["spec"]["template"]), ("hero.dev/v1", "Slot", "t1"))
        contains(self.k("get", "slot", "form", "-o", "yaml").out, "kind: Slot\n", "  template: t1\n")
        equal(self.k("get", "slot", "form", "-o", "jsonpath={.metadata.labels.tier}/{.spec.user}").out, "gold/jo")
        equal(self.k("get", "slot", "form", "-o", "go-template={{.spec.template}}").out, "t1")
        equal(self.k("get", "slot", "form", "-o", "custom-columns=N:.metadata.name,T:.spec.template").out.split(), ["N", "T", "form", "t1"])
        contains(self.k("get", "slot", "form", "--show-labels").out, "LABELS", "tier=gold")
        contains(self.k("get", "slot", "form", "-L", "tier").out, "TIER", "gold")

    def lists(self):
        """[WIRE] get lists, sorts, pages and selects by labels and fields"""
        for name, tier in (("list-a", "gold"), ("list-b", "tin"), ("list-c", "gold")):
            slots.make(self.box, name, labels={"in": "lists", "tier": tier}, template=name[-1])
        names = lambda *args: [n.split("/")[1] for n in self.k("get", "slots", "-o", "name", *args).out.split()]
        equal(names("-l", "in=lists"), ["list-a", "list-b", "list-c"])
        equal(names("-l", "in=lists", "--chunk-size=1"), ["list-a", "list-b", "list-c"])
        equal(names("-l", "in=lists,tier!=tin"), ["list-a", "list-c"])
        equal(names("-l", "in in (lists, other),tier notin (gold)"), ["list-b"])
        equal(names("-l", "in=lists", "--field-selector", "metadata.name=list-b"), ["list-b"])
        assert "list-b" not in names("--field-selector", "metadata.name!=list-b")
        rows = self.k("get", "slots", "-l", "in=lists", "--sort-by={.metadata.labels.tier}", "--no-headers").out.splitlines()
        equal([r.split()[0] for r in rows][2], "list-b")
        found = json.loads(self.k("get", "slots", "-l", "in=lists", "-o", "json").out)
        equal((found["kind"], len(found["items"])), ("List", 3))
        equal(self.k("get", "slot/list-a", "slot/list-b", "-o", "name").out.split(), ["slot.hero.dev/list-a", "slot.hero.dev/list-b"])
        contains(self.k.refused("get", "slots", "--field-selector", "spec.user=jo"), "(BadRequest)", "field label not supported: spec.user")

    def categories(self):
        """[WIRE] get by a category shows all kinds of it"""
        said = self.k("get", "hero").out
        contains(said, "user.hero.dev/alice", "slot.hero.dev/alice", "team.hero.dev/team")

    def missing(self):
        """[WIRE] get of what is not there, or of no kind, says so"""
        contains(self.k.refused("get", "slot", "nobody"), 'Error from server (NotFound): slots.hero.dev "nobody" not found')
        equal(self.k("get", "slot", "nobody", "--ignore-not-found").out, "")
        contains(self.k.refused("get", "nokind"), "the server doesn't have a resource type \"nokind\"")

    def watch_list(self):
        """[WIRE] get -w shows what comes, changes and goes"""
        slots.make(self.box, "seen-1", labels={"in": "watched"})
        with self.k.watch("get", "slots", "-l", "in=watched", "-w", "--output-watch-events") as lines:
            lines.until("EVENT")
            equal(lines.until("seen-1").split()[0], "ADDED")
            slots.make(self.box, "seen-2", labels={"in": "watched"})
            equal(lines.until("seen-2").split()[:2], ["ADDED", "seen-2"])
            slots.merge(self.box, "seen-2", {"spec": {"template": "other"}})
            contains(lines.until("MODIFIED"), "seen-2", "other")
            slots.drop(self.box, "seen-2")
            contains(lines.until("DELETED"), "seen-2")

    def watch_one(self):
        """[WIRE] get -w of one object shows its changes, as rows and as objects"""
        slots.make(self.box, "one-w", template="t1")
        with self.k.watch("get", "slot", "one-w", "-w") as rows, self.k.watch("get", "slot", "one-w", "-w", "-o", "jsonpath={.spec.template}{\"\\n\"}") as objects:
            rows.until("t1")
            objects.until("t1")
            slots.merge(self.box, "one-w", {"spec": {"template": "t2"}})
            rows.until("t2")
            objects.until("t2")

    def describe(self):
        """[WIRE] describe shows an object with its events"""
        said = self.k("describe", "user", "alice").out
        contains(said, "Name:         alice\n", "Kind:         User\n", "Type:                  Ready")
        contains(said.split("\nEvents:")[1], "CreateAccount", "create account alice")

    def explain(self):
        """[WIRE] explain tells what fields mean"""
        contains(self.k("explain", "slots").out, "Slot", "hero.dev", "spec", "What is wanted.")
        contains(self.k("explain", "slots.spec.limits.memory").out, "memory", "<string>", "Memory, such as 8GiB.")
        contains(self.k("explain", "slot", "--recursive").out, "limits", "cpu")
        contains(self.k.refused("explain", "slots.spec.bogus"), "bogus")

    def events(self):
        """[WIRE] events are found by what they are about"""
        said = self.k("get", "events", "-A", "--field-selector", "involvedObject.kind=User,involvedObject.name=alice,reason=CreateAccount").out
        head, row = said.splitlines()
        equal(head.split()[:7], ["NAMESPACE", "LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"])
        contains(row, "user/alice", "Normal", "CreateAccount")
        if self.k.minor >= 26:
            contains(self.k("events", "-A", "--for", "user/alice").out, "CreateAccount")
            contains(self.k("events", "-A", "--types=Normal").out, "CreateAccount")

    def raw(self):
        """[WIRE] get --raw reaches the probes"""
        for path in ("/healthz", "/livez", "/readyz"):
            equal(self.k("get", "--raw", path).out, "ok")

    def namespaces(self):
        """[WIRE] a namespace is made, shown, described and removed"""
        self.k.run("delete", "ns", "spaced", "--ignore-not-found")
        equal(self.k("create", "ns", "spaced").out, "namespace/spaced created\n")
        head, row = self.k("get", "ns", "spaced").out.splitlines()
        equal((head.split(), row.split()[:2]), (["NAME", "STATUS", "AGE"], ["spaced", "Active"]))
        contains(self.k("describe", "ns", "spaced").out, "Status:       Active")
        contains(self.k.refused("create", "ns", "spaced"), 'Error from server (AlreadyExists): namespaces "spaced" already exists')
        contains(self.k("delete", "ns", "spaced").out, 'namespace "spaced" deleted')
        contains(self.k.refused("get", "ns", "spaced"), 'namespaces "spaced" not found')
        contains(self.k("get", "ns", "default").out, "Active")

    def access(self):
        """[D-07] auth can-i tells what one may do"""
        equal(self.k("auth", "can-i", "create", "slots.hero.dev").out, "yes\n")
        equal(self.k("auth", "can-i", "delete", "users.hero.dev/alice").out, "yes\n")
        contains(self.k("auth", "can-i", "--list").out, "Resources", "*.*", "[*]")
        if self.k.minor >= 28:
            contains(self.k("auth", "whoami").out, "Username")
