"""What kubectl writes: create, apply, edit, patch, replace, delete and wait, with what each answers."""
import json
import os

import slots
from steps import contains, equal


class Writing:
    def __init__(self, kubectl, box):
        self.k, self.box = kubectl, box

    def slot(self, name, **spec):
        return self.k.file(slots.manifest(name, **spec))

    def create(self):
        """[WIRE] create makes an object once"""
        slots.drop(self.box, "made")
        file = self.slot("made", template="t1")
        equal(self.k("create", "-f", file).out, "slot.hero.dev/made created\n")
        contains(self.k.refused("create", "-f", file), f'Error from server (AlreadyExists): error when creating "{file}": slots.hero.dev "made" already exists')
        slots.drop(self.box, "made")
        equal(self.k("create", "-f", "-", "-o", "name", stdin=slots.manifest("made")).out, "slot.hero.dev/made\n")

    def create_generated(self):
        """[WIRE] create fills in a generated name"""
        text = slots.manifest("x").replace("name: x", "generateName: gen-")
        name = self.k("create", "-f", "-", "-o", "jsonpath={.metadata.name}", stdin=text).out
        assert name.startswith("gen-") and len(name) == 9, name
        slots.drop(self.box, name)

    def refused_by_schema(self):
        """[WIRE] create shows each fault of the schema with its field"""
        file = self.slot("bad", limits={"cpu": 9999}, template="-no-")
        said = self.k.refused("create", "-f", file, "--validate=false")
        contains(said, 'The Slot "bad" is invalid:', "* spec.limits.cpu: Invalid value:", "should be less than or equal to 4096", "* spec.template: Invalid value:")
        equal(slots.get(self.box, "bad"), None)

    def validated(self):
        """[WIRE] unknown fields and wrong types are refused with --validate, and dropped without"""
        slots.drop(self.box, "val")
        file = self.slot("val", bogus=1)
        contains(self.k.refused("create", "-f", file), 'unknown field "', "bogus")
        contains(self.k.refused("create", "-f", self.slot("val", limits={"tasks": "many"})), "tasks")
        equal(slots.get(self.box, "val"), None)
        equal(self.k("create", "-f", file, "--validate=false").out, "slot.hero.dev/val created\n")
        assert "bogus" not in slots.get(self.box, "val")["spec"]

    def apply(self):
        """[WIRE] apply creates, leaves alone and changes"""
        slots.drop(self.box, "app")
        file = self.slot("app", template="t1", box="b1")
        equal(self.k("apply", "-f", file).out, "slot.hero.dev/app created\n")
        before = slots.get(self.box, "app")["metadata"]["resourceVersion"]
        equal(self.k("apply", "-f", file).out, "slot.hero.dev/app unchanged\n")
        equal(slots.get(self.box, "app")["metadata"]["resourceVersion"], before)
        equal(self.k("apply", "-f", self.slot("app", template="t2")).out, "slot.hero.dev/app configured\n")
        spec = slots.get(self.box, "app")["spec"]
        assert spec["template"] == "t2" and "box" not in spec, spec
        contains(self.k("apply", "view-last-applied", "slot/app").out, "template: t2")

    def apply_dry(self):
        """[WIRE] apply --dry-run=server and diff say what would be, and change nothing"""
        slots.drop(self.box, "dry")
        equal(self.k("apply", "--dry-run=server", "-f", self.slot("dry")).out, "slot.hero.dev/dry created (server dry run)\n")
        equal(slots.get(self.box, "dry"), None)
        file = self.slot("dry", template="t1")
        self.k("apply", "-f", file)
        equal(self.k.run("diff", "-f", file).rc, 0)
        changed = self.slot("dry", template="t2")
        said = self.k.run("diff", "-f", changed)
        equal(said.rc, 1)
        contains(said.out, "-  template: t1", "+  template: t2")
        said = self.k.run("diff", "--server-side", "--force-conflicts", "-f", changed)
        equal(said.rc, 1)
        contains(said.out, "-  template: t1", "+  template: t2")
        equal(self.k("apply", "--dry-run=server", "-f", changed).out, "slot.hero.dev/dry configured (server dry run)\n")
        equal(self.k("create", "--dry-run=server", "-f", self.slot("dry2")).out, "slot.hero.dev/dry2 created (server dry run)\n")
        equal((slots.get(self.box, "dry")["spec"]["template"], slots.get(self.box, "dry2")), ("t1", None))

    def apply_prune(self):
        """[WIRE] apply --prune removes what is no longer in the files"""
        for name in ("prune-1", "prune-2"):
            slots.drop(self.box, name)
        allowed = "--prune-allowlist=hero.dev/v1/Slot" if self.k.minor >= 26 else "--prune-whitelist=hero.dev/v1/Slot"
        both = slots.manifest("prune-1", "prune") + "---\n" + slots.manifest("prune-2", "prune")
        self.k("apply", "-f", self.k.file(both))
        said = self.k("apply", "--prune", "-l", "suite=prune", allowed, "-f", self.k.file(slots.manifest("prune-2", "prune"))).out
        contains(said, "slot.hero.dev/prune-2 unchanged", "slot.hero.dev/prune-1 pruned")
        equal(slots.get(self.box, "prune-1"), None)

    def apply_server_side(self):
        """[WIRE] apply --server-side owns fields, meets conflicts and takes over by force"""
        slots.drop(self.box, "ssa")
        server_side = lambda text, *more: self.k.run("apply", "--server-side", "-f", self.k.file(text), *more)
        equal(server_side(slots.manifest("ssa", template="t1", box="b1")).out, "slot.hero.dev/ssa serverside-applied\n")
        said = server_side(slots.manifest("ssa", template="t2"), "--field-manager=other")
        equal(said.rc, 1)
        contains(said.err, 'Apply failed with 1 conflict: conflict with "kubectl"', ".spec.template")
        equal(server_side(slots.manifest("ssa", template="t2"), "--field-manager=other", "--force-conflicts").rc, 0)
        equal(server_side(slots.manifest("ssa", template="t2")).rc, 0)
        spec = slots.get(self.box, "ssa")["spec"]
        assert spec["template"] == "t2" and "box" not in spec, spec
        managers = {(m["manager"], m["operation"]) for m in slots.get(self.box, "ssa")["metadata"]["managedFields"]}
        equal(managers, {("kubectl", "Apply"), ("other", "Apply")})

    def apply_server_side_over(self):
        """[WIRE] apply --server-side takes over what apply made"""
        slots.drop(self.box, "over")
        self.k("apply", "-f", self.slot("over", template="t1"))
        said = self.k.run("apply", "--server-side", "--force-conflicts", "-f", self.slot("over", template="t2"))
        contains(said.out, "slot.hero.dev/over serverside-applied\n")
        equal(slots.get(self.box, "over")["spec"]["template"], "t2")

    def edit(self):
        """[WIRE] edit writes what the editor left"""
        slots.make(self.box, "edi", template="t1")
        equal(self.k("edit", "slot", "edi", EDITOR="sed -i s/t1/t9/").out, "slot.hero.dev/edi edited\n")
        equal(slots.get(self.box, "edi")["spec"]["template"], "t9")
        contains(self.k("edit", "slot", "edi", EDITOR="true").err, "Edit cancelled, no changes made.")

    def patch(self):
        """[WIRE] patch takes merge and JSON patches, and refuses strategic ones"""
        slots.make(self.box, "pat", template="t1", box="b1")
        equal(self.k("patch", "slot", "pat", "--type=merge", "-p", '{"spec":{"template":"t2","box":null}}').out, "slot.hero.dev/pat patched\n")
        assert slots.get(self.box, "pat")["spec"].get("box") is None
        equal(self.k("patch", "slot", "pat", "--type=merge", "-p", '{"spec":{"template":"t2"}}').out, "slot.hero.dev/pat patched (no change)\n")
        self.k("patch", "slot", "pat", "--type=json", "-p", '[{"op":"test","path":"/spec/template","value":"t2"},{"op":"replace","path":"/spec/template","value":"t3"}]')
        equal(slots.get(self.box, "pat")["spec"]["template"], "t3")
        self.k.refused("patch", "slot", "pat", "--type=json", "-p", '[{"op":"test","path":"/spec/template","value":"no"}]')
        contains(self.k.refused("patch", "slot", "pat", "-p", '{"spec":{"template":"t4"}}'), "the body of the request was in an unknown format")
        contains(self.k.refused("patch", "slot", "pat", "--type=merge", "-p", '{"spec":{"limits":{"cpu":-1}}}'), 'The Slot "pat" is invalid: spec.limits.cpu')
        contains(self.k.refused("patch", "slot", "nobody", "--type=merge", "-p", "{}"), '(NotFound): slots.hero.dev "nobody" not found')
        if self.k.minor >= 24:
            self.k("patch", "slot", "pat", "--subresource=status", "--type=merge", "-p", '{"status":{"handled":{"restart":"1"}}}')
            equal(slots.get(self.box, "pat")["status"]["handled"], {"restart": "1"})

    def label(self):
        """[WIRE] label and annotate set, change and remove"""
        slots.make(self.box, "lab")
        equal(self.k("label", "slot", "lab", "tier=gold").out, "slot.hero.dev/lab labeled\n")
        contains(self.k.refused("label", "slot", "lab", "tier=tin"), "--overwrite is false")
        self.k("label", "slot", "lab", "tier=tin", "--overwrite")
        equal(self.k("annotate", "slot", "lab", "note=a b").out, "slot.hero.dev/lab annotated\n")
        meta = slots.get(self.box, "lab")["metadata"]
        equal((meta["labels"], meta["annotations"]), ({"tier": "tin"}, {"note": "a b"}))
        version = meta["resourceVersion"]
        self.k("label", "slot", "lab", "tier-")
        self.k("annotate", "slot", "lab", "note-")
        assert not slots.get(self.box, "lab")["metadata"].get("labels")
        contains(self.k.refused("label", "slot", "lab", "x=y", f"--resource-version={version}"), "(Conflict)")
        contains(self.k.refused("label", "slot", "lab", "-Bad=x"), "-Bad")

    def replace(self):
        """[WIRE] replace writes the whole object; --force makes it anew"""
        made = slots.make(self.box, "rep", template="t1", box="b1")
        equal(self.k("replace", "-f", self.slot("rep", template="t2")).out, "slot.hero.dev/rep replaced\n")
        assert "box" not in slots.get(self.box, "rep")["spec"]
        contains(self.k.refused("replace", "-f", self.k.file(json.dumps(made))), "(Conflict)", "the object has been modified; please apply your changes to the latest version and try again")
        said = self.k("replace", "--force", "-f", self.slot("rep", template="t3")).out
        contains(said, 'slot.hero.dev "rep" deleted', "slot.hero.dev/rep replaced")
        assert slots.get(self.box, "rep")["metadata"]["uid"] != made["metadata"]["uid"]
        contains(self.k.refused("replace", "-f", self.slot("nobody")), '(NotFound): ', 'slots.hero.dev "nobody" not found')

    def delete(self):
        """[WIRE] delete removes by name, file, label and in each way of cascading"""
        slots.make(self.box, "del-1")
        contains(self.k("delete", "slot", "del-1").out, 'slot.hero.dev "del-1" deleted')
        contains(self.k.refused("delete", "slot", "del-1"), '(NotFound): slots.hero.dev "del-1" not found')
        equal(self.k("delete", "slot", "del-1", "--ignore-not-found").out, "")
        foreground, orphan = ("foreground", "orphan")
        for number, more in enumerate((["--cascade=background"], [f"--cascade={foreground}"], [f"--cascade={orphan}"], ["--now"],
                                       ["--force", "--grace-period=0"])):
            slots.make(self.box, f"casc-{number}")
            self.k("delete", "-f", self.slot(f"casc-{number}"), *more)
            equal(slots.get(self.box, f"casc-{number}"), None)
        for name in ("all-1", "all-2"):
            slots.make(self.box, name, labels={"in": "del"})
        contains(self.k("delete", "slots", "-l", "in=del").out, '"all-1" deleted', '"all-2" deleted')
        slots.make(self.box, "stays")
        contains(self.k("delete", "slot", "stays", "--dry-run=server").out, '"stays" deleted (server dry run)')
        assert slots.get(self.box, "stays")

    def delete_waits(self):
        """[WIRE] delete waits for the finalizers of others"""
        slots.make(self.box, "fin", finalizers=["example.dev/keep"])
        with self.k.watch("delete", "slot", "fin") as lines:
            lines.until("deleted")
            assert slots.get(self.box, "fin")["metadata"]["deletionTimestamp"]
            slots.merge(self.box, "fin", {"metadata": {"finalizers": None}})
            equal(lines.ended(), 0)
        slots.make(self.box, "fin", finalizers=["example.dev/keep"])
        self.k("delete", "slot", "fin", "--wait=false")
        contains(self.k.refused("delete", "slot", "fin", "--timeout=1s"), "timed out waiting for the condition")
        slots.drop(self.box, "fin")

    def wait(self):
        """[WIRE] wait ends with the condition, the deletion or the timeout"""
        slots.make(self.box, "wai")
        with self.k.watch("wait", "slot/wai", "--for=condition=Ready", "--timeout=20s") as lines:
            slots.ready(self.box, "wai", "False")
            slots.ready(self.box, "wai")
            lines.until("condition met")
            equal(lines.ended(), 0)
        equal(self.k("wait", "slot/wai", "--for=condition=Ready").out, "slot.hero.dev/wai condition met\n")
        contains(self.k.refused("wait", "slot/wai", "--for=condition=Other", "--timeout=1s"), "timed out waiting for the condition")
        with self.k.watch("wait", "slot/wai", "--for=delete", "--timeout=20s", "-v=6") as lines:
            lines.until("watch=true")
            slots.drop(self.box, "wai")
            equal(lines.ended(), 0)
        if self.k.minor >= 23:
            slots.make(self.box, "wai", template="t1")
            self.k("wait", "slot/wai", "--for=jsonpath={.spec.template}=t1", "--timeout=20s")

    def many(self):
        """[WIRE] a directory of files is made and removed at once"""
        folder = os.path.join(self.k.home, "many")
        os.makedirs(folder, exist_ok=True)
        for name in ("many-1", "many-2", "many-3"):
            slots.drop(self.box, name)
            with open(os.path.join(folder, f"{name}.yaml"), "w", encoding="utf-8") as file:
                file.write(slots.manifest(name))
        equal(self.k("apply", "-f", folder).out.split("\n")[:-1], [f"slot.hero.dev/many-{n} created" for n in (1, 2, 3)])
        equal(len(self.k("get", "-f", folder, "-o", "name").out.split()), 3)
        self.k("delete", "-f", folder)
        equal(slots.get(self.box, "many-3"), None)
