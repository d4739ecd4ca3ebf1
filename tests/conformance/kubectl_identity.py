"""Who somebody is over the network, and what they may do: tokens, roles, audit."""
import json
import os
import shutil

from kubectl import Kubectl
from steps import contains, equal

LEASE = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: mine}\nspec: {holderIdentity: alice}\n"


class Identity:
    def __init__(self, kubectl, box):
        self.k, self.box = kubectl, box

    def person(self, name, *who):
        """The same kubectl in the hands of somebody else."""
        home = f"{self.k.home}-{name}"
        shutil.rmtree(home, ignore_errors=True)
        return Kubectl(self.k.binary, self.box, home, *who)

    def token(self, person, token):
        """Puts another token into a kubeconfig; the rest of it stays."""
        path = os.path.join(person.home, ".kube/config")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        before = next(line.split("token:")[1].strip(' "') for line in text.splitlines() if "token:" in line)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(before, token))

    def member(self):
        """[D-07] a member reads all, and writes in the own namespace alone"""
        alice = self.person("alice", "--as", "alice")
        contains(alice("get", "slots").out, "bob")
        contains(alice.refused("delete", "slot", "bob"), '(Forbidden): slots.hero.dev "bob" is forbidden: User "alice" cannot delete resource "slots" in API group "hero.dev" at the cluster scope')
        file = alice.file(LEASE)
        equal(alice("apply", "-n", "alice", "-f", file).out, "lease.coordination.k8s.io/mine created\n")
        contains(alice.refused("create", "-n", "bob", "-f", file), '(Forbidden)', 'User "alice" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "bob"')
        alice("delete", "-n", "alice", "-f", file)

    def member_asks(self):
        """[D-07] can-i tells a member the truth"""
        alice = self.person("alice", "--as", "alice")
        for answer, *question in (("yes", "list", "slots.hero.dev"), ("no", "create", "slots.hero.dev"), ("no", "delete", "users.hero.dev/alice"),
                                  ("yes", "create", "leases.coordination.k8s.io", "-n", "alice"), ("no", "create", "leases.coordination.k8s.io", "-n", "bob")):
            said = alice.run("auth", "can-i", *question)
            equal((question, said.out.split()[0], said.rc), (question, answer, 0 if answer == "yes" else 1))
        if alice.minor >= 28:
            contains(alice("auth", "whoami").out, "alice")

    def impersonation(self):
        """[SEC-01] an operator acts as a member with --as, and nobody else does"""
        contains(self.k.refused("--as=alice", "delete", "slot", "bob"), 'User "alice" cannot delete')
        contains(self.person("bob", "--as", "bob").refused("--as=alice", "get", "--raw", "/apis/hero.dev/v1/slots"), "(Forbidden)")

    def tokens(self):
        """[SEC-01] a token that is made up, revoked or missing is nobody's"""
        nobody = "You must be logged in to the server"
        alice = self.person("alice", "--as", "alice")
        self.token(alice, "hero_0123456789abcdef_" + "0" * 64)
        contains(alice.refused("get", "slots"), nobody)
        made = self.box.heroctl("token", "create", "--user", "alice", "--ttl", "1h").strip()
        self.token(alice, made)
        alice("get", "slots")
        self.box.heroctl("token", "revoke", made.split("_")[1])
        contains(alice.refused("get", "slots"), nobody)

    def visitor(self):
        """[D-07] a visitor sees what runs on the box, and no more"""
        visitor = self.person("visitor", "--as", "alice")
        self.token(visitor, self.box.heroctl("token", "create", "--user", "alice", "--visitor").strip())
        contains(visitor.refused("create", "-n", "alice", "-f", visitor.file(LEASE)), "orbidden")

    def audit(self):
        """[SEC-54] the audit has who did what from where, and who was refused; its chain is whole"""
        path = os.path.join(self.box.root, "home/driver/hero/var/herod/audit.log")
        self.box.heroctl("audit", "verify")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        refused = [json.loads(line) for line in text.splitlines() if '"alice' in line and "leases" in line and "orbidden" in line]
        assert refused, "nothing of the refusal"
        contains(json.dumps(refused[0]), "127.0.0.1")
        assert "hero_0123456789abcdef" not in text
