"""kubectl as a person types it: a binary with a home of its own, and what it says."""
import os
import queue
import subprocess
import threading

SECONDS = 30  # No command here takes one; it ends a hang.


class Said:
    def __init__(self, done):
        self.rc, self.out, self.err = done.returncode, done.stdout, done.stderr


class Kubectl:
    def __init__(self, binary, box, home, *who):
        self.binary, self.box, self.home = binary, box, home
        os.makedirs(home)
        box.kubeconfig(home, *who)
        self.files = 0
        version = subprocess.run([binary, "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=SECONDS, check=True).stdout
        self.minor = int(version.split('"minor": "')[1].split('"')[0].rstrip("+"))

    def env(self, **more):
        return {"HOME": self.home, "PATH": os.environ["PATH"], "KUBECONFIG": os.path.join(self.home, ".kube/config"), "TZ": "UTC", **more}

    def run(self, *args, stdin=None, **env):
        """Whatever its exit code."""
        print("$ kubectl", *args)
        done = subprocess.run([self.binary, *args], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=SECONDS, env=self.env(**env), check=False)
        print(done.stdout + done.stderr, f"-> {done.returncode}", sep="")
        return Said(done)

    def __call__(self, *args, **more):
        """It has to succeed."""
        said = self.run(*args, **more)
        assert said.rc == 0, f"kubectl {' '.join(args)} failed:\n{said.err}"
        return said

    def refused(self, *args, **more):
        """It has to fail with 1, and says why on stderr."""
        said = self.run(*args, **more)
        assert said.rc == 1, f"kubectl {' '.join(args)} should have failed with 1, not {said.rc}:\n{said.out}"
        return said.err

    def file(self, text):
        self.files += 1
        path = os.path.join(self.home, f"file{self.files}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def watch(self, *args):
        return Lines([self.binary, *args], self.env())


class Lines:
    """What a command that goes on says, line by line. Use it in `with`: it ends there."""

    def __init__(self, command, env):
        print("$ kubectl", *command[1:], "&")
        self.lines = queue.Queue()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def until(self, text, seconds=SECONDS):
        """The next line with `text` in it."""
        seen = []
        while True:
            try:
                line = self.lines.get(timeout=seconds)
            except queue.Empty:
                raise AssertionError(f"no {text!r} in {seconds} s after {seen}") from None
            assert line is not None, f"it ended before {text!r}, after {seen}"
            print(line)
            seen.append(line)
            if text in line:
                return line

    def ended(self, seconds=SECONDS):
        """Waits for its end, which has to come, and gives the exit code."""
        return self.process.wait(timeout=seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.reader.join(timeout=SECONDS)
        self.process.stdout.close()
