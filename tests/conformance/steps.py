"""Steps: a suite is a list of them, in plain words. Each runs alone, so that one which fails holds up nobody."""
import contextlib
import io
import os
import sys
import threading
import time
import traceback


class Skip(Exception):
    """A step that cannot run here, and why. It is never counted as passed."""


def eventually(seconds, question, what=""):
    """Asks until the answer is true, and gives it back. What is asked lives in another process, so there is nothing to wait on."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"still not so after {seconds} s: {what or question}")
        pause.wait(0.02)


def equal(got, expected):
    assert got == expected, f"expected {expected!r}\n     got {got!r}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"expected {part!r} in:\n{text}"


class Steps:
    """Runs steps, prints a line each, and keeps what they said in `logs`/steps."""

    def __init__(self, logs, only="", not_yet=()):
        self.logs, self.only, self.not_yet = logs, only, dict(not_yet)
        self.counts = {"ok": 0, "failed": 0, "skipped": 0}

    def suite(self, name, source, *args):
        """Every function of the module or object `source` whose docstring starts with an id, in the order of the text."""
        found = [getattr(source, n) for n in dir(source)]
        tests = [f for f in found if callable(f) and (getattr(f, "__doc__", None) or "").startswith("[")]
        for test in sorted(tests, key=lambda f: f.__code__.co_firstlineno):
            self.step(f"[{test.__doc__[1:].split(']')[0]}]", f"{name}: {test.__doc__.split('] ', 1)[1].strip()}", test, *args)

    def step(self, ids, text, run, *args):
        """`ids` is "[HTB-02, SEC-61]"; `run` raises when what the text says is not so."""
        if self.only and self.only not in text:
            return
        said, since, outcome, why = io.StringIO(), time.monotonic(), "ok", ""
        try:
            with contextlib.redirect_stdout(said):
                run(*args)
        except Skip as skip:
            outcome, why = "skipped", str(skip)
        except Exception:  # Whatever a step raises is its failure, and the others still run.
            outcome, why = "failed", "".join(traceback.format_exception_only(*sys.exc_info()[:2]))
            said.write(traceback.format_exc())
            missing = self.not_yet.get(text.split(": ", 1)[-1])
            if missing:
                outcome, why = "skipped", f"not served yet: {missing}"
        self.counts[outcome] += 1
        line = f"{outcome:<7} {ids.strip('[]'):<12} {time.monotonic() - since:5.1f}s  {text}"
        with open(os.path.join(self.logs, "steps"), "a", encoding="utf-8") as log:
            log.write(f"==== {line}\n{said.getvalue()}{why}\n")
        if outcome == "skipped":
            line += f": {why}"
        print(line, flush=True)
        if outcome == "failed":
            for tail in why.rstrip().splitlines()[-14:]:
                print(f"         | {tail}", flush=True)

    def summary(self):
        return ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items())
