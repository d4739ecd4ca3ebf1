"""Steps that are written in Go, each a run of go/clients."""
import os
import subprocess

SECONDS = 90  # A step ends itself after 60.


class GoClients:
    def __init__(self, binary, box):
        self.binary, self.box, self.home = binary, box, os.path.join(box.root, "home-go")
        self.config = box.kubeconfig(self.home)

    def env(self):
        return {"HOME": self.home, "KUBECONFIG": self.config, "PATH": os.environ["PATH"]}

    def run(self, *args):
        done = subprocess.run([self.binary, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, env=self.env(), check=False)
        print(done.stdout, done.stderr)
        assert done.returncode == 0, done.stderr[-1500:]
        return done.stdout

    def into(self, steps):
        said = subprocess.run([self.binary, "list"], capture_output=True, text=True, check=True).stdout
        for name, text in (line.split("\t") for line in said.splitlines()):
            ids, what = text.split("] ", 1)
            steps.step(ids + "]", f"Go: {what}", self.run, "run", name)

    def stress(self, seed, long):
        """Kills the daemon whenever the writers ask for it."""
        size = ["--writers=16", "--watchers=40", "--informers=8", "--kills=200", "--writes=400", "--deadline=20m"] if long else []
        command = subprocess.Popen([self.binary, "stress", f"--seed={seed}", *size], env=self.env(), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            last = ""
            for line in command.stdout:
                if line != "kill\n":
                    last = line
                    continue
                self.box.kill()
                self.box.start()
                command.stdin.write("up\n")
                command.stdin.flush()
            said = command.stderr.read()
            print(last, said)
            assert command.wait() == 0, f"seed {seed}: {said[-1500:]}"
        finally:
            command.kill()
            command.wait()
            for end in (command.stdin, command.stdout, command.stderr):
                end.close()
