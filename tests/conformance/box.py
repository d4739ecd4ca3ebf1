"""A rootless herod in a throw-away directory, and the way to it for clients that want TCP."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from steps import eventually

START_SECONDS = 20  # A start takes 0.2 s; a machine that builds something beside it may take more.
CALL_SECONDS = 30


class Refused(Exception):
    """An answer that is no success: the Status and its code."""

    def __init__(self, code, status):
        super().__init__(f"{code} {json.dumps(status)}")
        self.code, self.status = code, status


class Box:
    """Starts, kills and restarts herod, which serves TLS on 127.0.0.1. Everything ends with close(), whatever happened."""

    def __init__(self, bin_dir, logs):
        self.bin, self.logs, self.herod = bin_dir, logs, None
        self.root = tempfile.mkdtemp(prefix="hero-conformance.")
        self.socket = os.path.join(self.root, "run/hero/hero.sock")
        self.port = free_port()
        self.log = open(os.path.join(logs, "herod.log"), "ab")

    def open(self, team):
        """The first start, on a forge with that hero_team."""
        self._seed(team)
        self.start()

    def _seed(self, team):
        forge = os.path.join(self.root, "home/driver/hero/forge/lhumina_code/hero_team.git")
        work = os.path.join(self.root, "team")
        shutil.copytree(team, work)
        with open(os.path.join(self.root, "herod.toml"), "w", encoding="utf-8") as config:
            config.write(f'[team]\nurl = "file://{forge}"\n[serve]\ntls_address = "127.0.0.1:{self.port}"\n')
        git = ["git", "-c", "user.name=Conformance", "-c", "user.email=conformance@localhost", "-c", "commit.gpgsign=false"]
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        for line in (["init", "-q", "--bare", "-b", "development", forge], ["-C", work, "init", "-q", "-b", "development"],
                     ["-C", work, "add", "-A"], ["-C", work, "commit", "-qm", "The team"],
                     ["-C", work, "push", "-q", forge, "development"]):
            subprocess.run(git + line, check=True, env=env)

    def start(self):
        self.herod = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", os.path.join(self.bin, "herod"), "--config", os.path.join(self.root, "herod.toml"), "--root", self.root],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        eventually(START_SECONDS, self._answers, "herod answers on its socket")

    def _answers(self):
        self.alive_still()
        try:
            return self.call("GET", "/healthz", text=True) == "ok"
        except OSError:
            return False

    def kill(self):
        """As a power cut would end it: SIGKILL."""
        self.herod.send_signal(signal.SIGKILL)
        self.herod.wait()

    def heroctl(self, *args, rc=0):
        """What it prints; it has to end so."""
        done = subprocess.run([os.path.join(self.bin, "heroctl"), "--socket", self.socket, *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=CALL_SECONDS, env={**os.environ, "HERO_ROOT": self.root}, check=False)
        assert done.returncode == rc, f"heroctl {' '.join(args)} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def kubeconfig(self, home, *who):
        """Writes ~/.kube/config of a fresh home: of whoever runs this, or of `--as NAME`."""
        os.makedirs(os.path.join(home, ".kube"), mode=0o700, exist_ok=True)
        path = os.path.join(home, ".kube/config")
        with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(self.heroctl(*who, "kubeconfig"))
        return path

    def call(self, method, path, body=None, kind="application/json", text=False):
        """One request over the unix socket, for what a step needs before or after it. Raises Refused."""
        connection = UnixConnection(self.socket)
        try:
            headers = {"Content-Type": kind} if body is not None else {}
            connection.request(method, path, json.dumps(body) if isinstance(body, (dict, list)) else body, headers)
            answer = connection.getresponse()
            said = answer.read().decode()
            if answer.status >= 300:
                raise Refused(answer.status, json.loads(said) if answer.getheader("Content-Type") == "application/json" else said)
            return said if text else json.loads(said)
        finally:
            connection.close()

    def alive_still(self):
        assert self.herod.poll() is None, f"herod ended with {self.herod.returncode}, see {self.logs}/herod.log"

    def close(self):
        if self.herod is not None and self.herod.poll() is None:
            self.herod.terminate()
            try:
                self.herod.wait(timeout=START_SECONDS)
            except subprocess.TimeoutExpired:
                self.herod.kill()
                self.herod.wait()
        self.log.close()
        shutil.rmtree(self.root, ignore_errors=True)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("hero", timeout=CALL_SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CALL_SECONDS)
        self.sock.connect(self.path)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
