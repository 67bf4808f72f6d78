"""millrace as a child process: what it prints, how it ends."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

from support import waiting

ROOT = pathlib.Path(__file__).resolve().parents[2]


def path():
    return str(pathlib.Path(os.environ.get("MILLRACE", ROOT / "build/dev/millrace")).absolute())


def without_root_rights():
    """Command prefix: root keeps its id (and its files) but may no longer write where the mode bits forbid it."""
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []


def run(*args, limit=60, env=None, cwd=None, prefix=()):
    """Runs a command that ends by itself: check, verify, query, schema, --help."""
    return subprocess.run([*prefix, path(), *map(str, args)], capture_output=True, text=True, timeout=limit, check=False,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, cwd=cwd)


class Millrace:
    """`millrace ARGS…` in the background. prefix: a command that changes the user or the limits before."""

    def __init__(self, *args, env=None, cwd=None, prefix=()):
        self.lines = []
        self.log = tempfile.NamedTemporaryFile("w+", prefix="millrace-log-", suffix=".txt")
        self.process = subprocess.Popen([*prefix, path(), *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env={**os.environ, **(env or {})}, cwd=cwd)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.kill()
        self.process.stdout.close()
        self.log.close()

    def running(self):
        return self.process.poll() is None

    def stderr(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def ended(self):
        """For waiting.until: the sentence when it has ended, else None."""
        if self.running():
            return None
        return f"millrace ended with {self.process.returncode}: {self.stderr()[-3000:]}"

    def until(self, what, done, limit=60):
        try:
            return waiting.until(what, done, limit, alive=self.ended)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- stderr of millrace:\n{self.stderr()[-3000:]}") from None

    def records(self):
        """What `--to stdout` printed so far."""
        return [json.loads(line) for line in list(self.lines) if line.endswith("\n") and line.strip()]

    def wait_records(self, count, limit=60):
        self.until(f"{count} records", lambda: len(self.lines) >= count, limit)
        return self.records()

    def wait(self, limit=60):
        """The exit code, once it ends by itself."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {limit} s: {self.stderr()[-3000:]}") from None
        self.reader.join(5)
        return code

    def stop(self, limit=30):
        """SIGTERM; the exit code."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait(limit)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)


def http_get(port, where, limit=5):
    """(status, body) of GET on the program's own listener; (0, reason) when there is no answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{where}", timeout=limit) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
